//! What the searches cost; run with `cargo nextest run -p nullcline-dynamics --run-ignored only --no-capture`.

use std::time::Instant;

use nullcline_dynamics::{find_attractors, find_fixed_points};

use crate::systems::*;

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    println!("{what:<44} {:>9.1} ms", started.elapsed().as_secs_f64() * 1e3);
    result
}

#[test]
#[ignore = "prints timings; checks nothing"]
fn timings() {
    for (name, map) in [
        ("shPLRNN M 3, H 10", random_shallow(1, 3, 10)),
        ("shPLRNN M 3, H 50", random_shallow(1, 3, 50)),
        ("clipped shPLRNN M 3, H 50", random_clipped(1, 3, 50)),
        ("shPLRNN M 2, H 128", random_shallow(1, 2, 128)),
        ("shPLRNN M 5, H 20", random_shallow(1, 5, 20)),
        ("shPLRNN M 10, H 16", random_shallow(1, 10, 16)),
        ("shPLRNN M 16, H 64, searched", random_shallow(1, 16, 64)),
        ("clipped shPLRNN M 16, H 64, searched", random_clipped(1, 16, 64)),
    ] {
        let starts = uniform_starts(&mut rng(2), 50, nullcline_dynamics::Map::dim(&map), 2.0);
        let search = timed(name, || find_fixed_points(&mut rng(1), &map, &starts, &enumerating()));
        println!(
            "    {} regions, {} solves, {} found, complete: {}",
            search.regions_visited,
            search.solves,
            search.found.len(),
            search.complete
        );
    }
    for (name, map) in [
        ("attractors, clipped M 16, H 64, 200 starts", random_clipped(1, 16, 64)),
        ("attractors, clipped M 3, H 50, 200 starts", random_clipped(1, 3, 50)),
    ] {
        let starts = uniform_starts(&mut rng(2), 200, nullcline_dynamics::Map::dim(&map), 2.0);
        let search = timed(name, || find_attractors(&mut rng(1), &map, &[], &starts, &following()));
        let kinds: Vec<_> = search.attractors.iter().map(|a| (a.kind, a.basin.count, a.lyapunov[0])).collect();
        println!("    {kinds:?}, diverged {}, undecided {}", search.diverged.count, search.undecided.count);
    }
}
