//! The lifeline of a child to its supervisor: the child's standard input.
//!
//! The supervisor keeps the other end open and never writes. However it dies, the system closes that end, and the
//! child exits at once; what it leaves behind is decided by the next start.

use std::io::Read;

/// The variable by which a supervisor tells a child that its standard input is a lifeline.
pub const LIFELINE_ENV: &str = "LASTWORD_LIFELINE";
/// The exit code of a child whose supervisor is gone.
const EXIT_ORPHANED: i32 = 75;

/// Ends this process when its supervisor is gone; does nothing without one.
///
/// On a thread of its own, so that a busy or wedged runtime can't outlive its supervisor.
pub fn hold() -> std::io::Result<()> {
    if std::env::var_os(LIFELINE_ENV).is_none() {
        return Ok(());
    }
    std::thread::Builder::new().name("lifeline".into()).spawn(|| {
        let mut byte = [0];
        loop {
            match std::io::stdin().read(&mut byte) {
                Ok(1) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        // Without a word: standard error may be gone with the supervisor.
        std::process::exit(EXIT_ORPHANED);
    })?;
    Ok(())
}
