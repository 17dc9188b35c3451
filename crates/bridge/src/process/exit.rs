//! The exit codes by which processes tell each other, and service managers, why they ended. Others have no meaning.

/// A child could not work because the store is out (`EX_UNAVAILABLE`): no reason to give up starting it.
pub const EXIT_STORE: u8 = 69;
/// The supervisor gave up after repeated failed starts (`EX_SOFTWARE`).
pub const EXIT_GAVE_UP: u8 = 70;
/// Another program has its address (`EX_OSERR`): worth trying again later.
pub const EXIT_ADDRESS: u8 = 71;
/// A child whose supervisor is gone (`EX_TEMPFAIL`).
pub const EXIT_ORPHANED: u8 = 75;
/// It can't work as it is configured (`EX_CONFIG`).
pub const EXIT_CONFIG: u8 = 78;
