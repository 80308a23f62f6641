//! The executable: everything it does is in the library.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    codebeaker::cli::main()
}
