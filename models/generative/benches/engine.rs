//! One training step (loss and gradient) of a shallow PLRNN under generalised teacher forcing, beside JAX and
//! PyTorch when a Python that has them is named in `NULLCLINE_PYTHON`, or `python3`, has them.
//!
//! Peers and ours run in turn, several rounds, so that a busy machine slows both. Two tables come out of one run: of
//! medians, and of the least times, which a busy machine disturbs less.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};
use nullcline_models::latent::{Forcing, LatentFamily, LatentParameters, LatentShape, Strength, Workspace, rollout};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// M, H, batch, T.
type Size = [usize; 4];
const SIZES: [Size; 4] = [[3, 50, 16, 200], [16, 256, 16, 200], [32, 512, 16, 100], [5, 250, 16, 200]];
const ROUNDS: usize = 3;
/// Steps of one measurement, of ours as of the peers'.
const REPEATS: usize = 40;
const ALPHA: f64 = 0.1;
/// Models that JAX trains at once through `vmap`, its own way of training many.
const MODELS: usize = 32;

fn main() {
    if let Some((size, threads)) = profiled() {
        return Step::new(size).repeat(threads);
    }
    let mut measured: BTreeMap<String, Vec<Times>> = BTreeMap::new();
    let mut peaks = Vec::new();
    for _ in 0..ROUNDS {
        for (name, times) in run_peers() {
            measured.entry(name).or_default().push(times);
        }
        for size in SIZES {
            for (name, threads) in [("one", 1), ("two", 2)] {
                peaks.push(fma_peak());
                measured.entry(key(name, size)).or_default().push(Step::new(size).times(threads));
            }
        }
    }
    println!("f32 FMA peak of one core, measured between the steps: {:.1} GFLOP/s", median(peaks.clone()));
    table("Medians of 40 steps, and of the rounds", &measured, median(peaks.clone()), |rounds| {
        median(rounds.iter().map(|times| times.median).collect())
    });
    let highest = peaks.into_iter().fold(0.0, f64::max);
    table("The least of all steps: what a machine does that nothing else disturbs", &measured, highest, |rounds| {
        rounds.iter().map(|times| times.least).fold(f64::INFINITY, f64::min)
    });
    println!("(12 M H batch T operations a step; ratios against the faster of one and two threads)\n");
    many_models(measured.get("vmap"));
}

/// Milliseconds of a step, of [`REPEATS`] in a row.
#[derive(Clone, Copy)]
struct Times {
    median: f64,
    least: f64,
}

fn table(title: &str, measured: &BTreeMap<String, Vec<Times>>, peak: f64, of: impl Fn(&[Times]) -> f64) {
    println!("\n{title}");
    println!(
        "{:<20}{:>10}{:>10}{:>9}{:>11}{:>9}{:>11}{:>9}",
        "M, H, batch, T", "1 thread", "of peak", "2 thr.", "JAX", "ratio", "PyTorch", "ratio"
    );
    for size in SIZES {
        let [m, h, batch, t] = size;
        let at = |name: &str| measured.get(&key(name, size)).map(|rounds| of(rounds));
        let (one, two) = (at("one").expect("measured"), at("two").expect("measured"));
        let peer = |name: &str| match at(name) {
            Some(ms) => (format!("{ms:.2} ms"), format!("{:.1}x", ms / one.min(two))),
            None => ("–".into(), "–".into()),
        };
        let ((jax, jax_ratio), (torch, torch_ratio)) = (peer("jax"), peer("torch"));
        let share = (12 * m * h * batch * t) as f64 / (one * 1e6) / peak;
        println!(
            "{:<20}{one:>7.3} ms{:>8.0} %{two:>6.3} ms{jax:>11}{jax_ratio:>9}{torch:>11}{torch_ratio:>9}",
            format!("{m}, {h}, {batch}, {t}"),
            100.0 * share,
        );
    }
}

/// `--profile 1 2` runs only the step of the second size on two threads, over and over, for a profiler to watch.
fn profiled() -> Option<(Size, usize)> {
    let mut numbers = std::env::args().skip_while(|argument| argument != "--profile").skip(1);
    let mut next = || numbers.next().and_then(|number| number.parse::<usize>().ok());
    let size = SIZES.get(next()?).copied()?;
    Some((size, next().unwrap_or(1)))
}

fn key(name: &str, [m, h, batch, t]: Size) -> String {
    format!("{name} {m} {h} {batch} {t}")
}

/// Models side by side, one thread each.
fn many_models(vmap: Option<&Vec<Times>>) {
    let steps_each = 100;
    let work = |threads: usize| {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for first in 0..threads {
                scope.spawn(move || {
                    for _ in (first..MODELS).step_by(threads) {
                        let step = Step::new(SIZES[0]);
                        let workspace = Workspace::new();
                        (0..steps_each).for_each(|_| step.run(&workspace));
                    }
                });
            }
        });
        1e3 * started.elapsed().as_secs_f64() / (MODELS * steps_each) as f64
    };
    // What the machine itself gains from a second thread: less than two where others use its cores.
    let spun = || {
        let rates = fma_rates(40);
        rates.iter().sum::<f64>() / rates.len() as f64
    };
    let spun_by_two = || {
        std::thread::scope(|scope| {
            let both = [scope.spawn(spun), scope.spawn(spun)];
            both.into_iter().map(|one| one.join().expect("no panic")).sum::<f64>()
        })
    };
    let mut bounds = Vec::new();
    let pairs: Vec<(f64, f64)> = (0..5)
        .map(|_| {
            bounds.push(spun_by_two() / spun());
            (work(1), work(2))
        })
        .collect();
    let least = |times: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(times).fold(f64::INFINITY, f64::min);
    let (one, two) = (least(&|pair| pair.0), least(&|pair| pair.1));
    let speedup = median(pairs.iter().map(|(one, two)| one / two).collect());
    println!(
        "{MODELS} models of {:?}: {two:.4} ms a model and step on two threads; {speedup:.2}x of one thread (median of five \
         pairs), {:.2}x (least times)",
        SIZES[0],
        one / two
    );
    println!("multiply-adds in registers, which share nothing: {:.2}x of one thread (median)", median(bounds));
    if let Some(rounds) = vmap {
        let theirs = rounds.iter().map(|times| times.least).fold(f64::INFINITY, f64::min);
        println!("JAX vmap over {MODELS}: {theirs:.4} ms a model and step, ratio {:.1}x (least times)", theirs / two);
    }
}

struct Step {
    parameters: LatentParameters,
    states: Var,
    targets: Tensor,
}

impl Step {
    fn new([m, h, batch, t]: Size) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let shape = LatentShape { latent_dim: m, hidden_dim: h, input_dim: 0 };
        let parameters = LatentParameters::init(&mut rng, LatentFamily::Shallow, shape).expect("a valid shape");
        let mut random = || {
            let values: Vec<f32> = (0..batch * t * m).map(|_| rng.random_range(-1.0..1.0)).collect();
            Tensor::from_vec(values, (batch, t, m), &Device::Cpu).expect("as many numbers")
        };
        let states = Var::from_tensor(&random()).expect("a tensor");
        Self { parameters, states, targets: random() }
    }

    fn run(&self, workspace: &Workspace) {
        let forcing = Forcing { states: self.states.as_tensor(), strength: Strength::Constant(ALPHA) };
        let states = rollout(workspace, &self.parameters, forcing, None).expect("shapes agree");
        let loss = (states - &self.targets).and_then(|e| e.sqr()).and_then(|e| e.mean_all()).expect("shapes agree");
        let gradients = loss.backward().expect("a scalar");
        assert_eq!(loss.dtype(), DType::F32);
        assert!(self.parameters.named().iter().all(|(_, var)| gradients.get(var).is_some()));
    }

    fn repeat(&self, threads: usize) {
        within_pool(threads, || self.repeat_here(threads));
    }

    fn repeat_here(&self, threads: usize) {
        let workspace = Workspace::with_threads(threads);
        let started = Instant::now();
        let mut times = Vec::new();
        while started.elapsed().as_secs() < 5 {
            let step = Instant::now();
            self.run(&workspace);
            times.push(1e3 * step.elapsed().as_secs_f64());
        }
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{:.3} ms a step, at least {least:.3}", median(times));
    }

    fn times(&self, threads: usize) -> Times {
        within_pool(threads, || self.times_here(&Workspace::with_threads(threads)))
    }

    fn times_here(&self, workspace: &Workspace) -> Times {
        (0..5).for_each(|_| self.run(workspace));
        let times = (0..REPEATS).map(|_| {
            let started = Instant::now();
            self.run(workspace);
            1e3 * started.elapsed().as_secs_f64()
        });
        let times: Vec<f64> = times.collect();
        Times { least: times.iter().copied().fold(f64::INFINITY, f64::min), median: median(times) }
    }
}

/// As the program trains: the thread that trains is one of the pool's.
fn within_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(work)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times by name, as `peers.py` prints them; nothing when there is no Python with JAX.
fn run_peers() -> Vec<(String, Times)> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("NULLCLINE_PYTHON").map(PathBuf::from).unwrap_or_else(|| PathBuf::from("python3"));
    let Ok(output) = Command::new(&python).arg(here.join("benches/peers.py")).output() else {
        println!(
            "no peers: {} cannot be run; name a Python with jax (and torch) in NULLCLINE_PYTHON",
            python.display()
        );
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let row = |line: &str| {
        let (rest, least) = line.rsplit_once(' ')?;
        let (name, median) = rest.rsplit_once(' ')?;
        Some((name.to_string(), Times { median: median.parse().ok()?, least: least.parse().ok()? }))
    };
    let rows: Vec<(String, Times)> = text.lines().filter_map(row).collect();
    if rows.is_empty() {
        println!("no peers: {}", String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("nothing printed"));
    }
    rows
}

fn fma_peak() -> f64 {
    fma_rates(5).into_iter().fold(f64::NAN, f64::max)
}

/// Independent fused multiply-adds in the widest registers that the processor has, in GFLOP/s, for so many moments of some milliseconds.
#[cfg(target_arch = "x86_64")]
fn fma_rates(moments: usize) -> Vec<f64> {
    use std::arch::x86_64::*;

    const CHAINS: usize = 12;
    macro_rules! spin {
        ($name:ident, $features:literal, $splat:ident, $multiply_add:ident, $first:ident) => {
            #[target_feature(enable = $features)]
            fn $name(rounds: usize) -> f32 {
                // Hidden from the compiler, which would otherwise see one chain in all of them, or none.
                let hidden = |value: f32| $splat(std::hint::black_box(value));
                let (factor, addend) = (hidden(0.999_999), hidden(1e-6));
                let mut sums = std::array::from_fn::<_, CHAINS, _>(|i| hidden(1.0 + i as f32));
                for _ in 0..rounds {
                    for sum in &mut sums {
                        *sum = $multiply_add(*sum, factor, addend);
                    }
                }
                sums.into_iter().map(|sum| $first(sum)).sum()
            }
        };
    }
    spin!(eight, "avx2,fma", _mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32);
    spin!(sixteen, "avx512f", _mm512_set1_ps, _mm512_fmadd_ps, _mm512_cvtss_f32);
    if !std::arch::is_x86_feature_detected!("avx2") || !std::arch::is_x86_feature_detected!("fma") {
        return vec![f64::NAN];
    }
    let is_wide = std::arch::is_x86_feature_detected!("avx512f");
    let rounds = 4_000_000;
    (0..moments)
        .map(|_| {
            let started = Instant::now();
            // SAFETY: the features were just found.
            let sum = unsafe { if is_wide { sixteen(rounds) } else { eight(rounds) } };
            assert!(sum.is_finite());
            let operations = rounds * CHAINS * if is_wide { 32 } else { 16 };
            operations as f64 / started.elapsed().as_secs_f64() / 1e9
        })
        .collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn fma_rates(_moments: usize) -> Vec<f64> {
    vec![f64::NAN]
}
