use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Parallel over models, one thread each: candle must not start threads of its own inside them.
    for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
        // SAFETY: no other thread exists yet that could read the environment.
        unsafe { std::env::set_var(name, "1") };
    }
    nullcline::cli::main(std::env::args_os())
}
