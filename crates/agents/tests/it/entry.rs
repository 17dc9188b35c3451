//! How these tests get the shim and the demo agent as programs without shipping any: this very executable, started
//! again to run only [`entry`], with a role in its environment.

use std::{env, ffi::OsString, fs::File, process::exit};

use lastword_agents::{demo, shim};

const ROLE: &str = "LASTWORD_TEST_ROLE";

/// stdout goes to descriptor 9 past the test runner's own talk; [`entry`] brings it back.
const START: &str =
    r#"export LASTWORD_TEST_ROLE=$1; shift; exec "$0" --exact entry::entry --nocapture -- "$@" 9>&1 >/dev/null"#;

/// A command line that becomes the shim, up to where the agent's begins.
pub fn shim() -> Vec<OsString> {
    command_line("exec-agent").into_iter().map(Into::into).collect()
}

/// A command line that becomes the program named `role`.
pub fn command_line(role: &str) -> Vec<String> {
    let me = env::current_exe().unwrap().into_os_string().into_string().unwrap();
    ["/bin/sh", "-c", START, &me, role].map(str::to_owned).to_vec()
}

/// Plays the role it was started for; in an ordinary test run there is none.
#[test]
fn entry() {
    let Ok(role) = env::var(ROLE) else { return };
    // For reading too, because to open a pipe whose reader left would wait for ever.
    let stdout = File::options().read(true).write(true).open("/proc/self/fd/9").unwrap();
    nix::unistd::dup2_stdout(&stdout).unwrap();
    nix::unistd::close(9).unwrap();
    drop(stdout);
    let code = match role.as_str() {
        "exec-agent" => shim::exec_agent(env::args_os().skip_while(|arg| arg != "--")),
        "demo-agent" => demo::demo_main(),
        _ => panic!("no role {role}"),
    };
    // `ExitCode` keeps its number to itself.
    exit((0..=255).find(|number| std::process::ExitCode::from(*number) == code).map_or(1, i32::from));
}
