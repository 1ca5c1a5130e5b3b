use std::process::ExitCode;

fn main() -> ExitCode {
    // Parallel over models, one thread each: candle must not start threads of its own inside them.
    // SAFETY: no other thread exists yet that could read the environment.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    nullcline::cli::main(std::env::args_os())
}
