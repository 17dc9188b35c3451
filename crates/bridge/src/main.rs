//! The binary `lastword`.

fn main() -> std::process::ExitCode {
    lastword::main()
}
