//! The executable: everything it does is in the library.

fn main() -> std::process::ExitCode {
    codebeaker::cli::main()
}
