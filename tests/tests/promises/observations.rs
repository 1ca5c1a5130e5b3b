//! Counts and BOLD, with trials, gaps, inputs and nuisance regressors, from a plain array to a model that runs.

use nullcline_tests::Lab;

/// Two hundred samples of three channels that keep a common rhythm, in four trials of unequal length.
fn write_recording(lab: &Lab) {
    let [mut counts, mut signals, mut pulses, mut movement] =
        ["x1\tx2\tx3\n", "x1\tx2\tx3\n", "pulse\n", "movement\n"].map(String::from);
    for t in 0..200usize {
        let values = [0.0, 2.0, 4.0].map(|shift| (0.3 * t as f64 + shift).sin() + 0.2 * (t * t % 7) as f64);
        let gap = |channel: usize| t % 23 == 5 || t % 31 == 8 + channel;
        let row = |show: &dyn Fn(f64) -> String| {
            let cells = values.iter().enumerate().map(|(i, &x)| if gap(i) { "n/a".to_string() } else { show(x) });
            cells.collect::<Vec<_>>().join("\t") + "\n"
        };
        counts += &row(&|x| (2.0 + 2.0 * x).max(0.0).round().to_string());
        signals += &row(&|x| format!("{x:.6}"));
        pulses += if t % 25 < 3 { "1\n" } else { "0\n" };
        movement += &if t == 0 { "n/a\n".to_string() } else { format!("{}\n", t * 3 % 11) };
    }
    for (name, text) in
        [("counts.tsv", counts), ("signals.tsv", signals), ("pulses.tsv", pulses), ("movement.tsv", movement)]
    {
        lab.write(name, text);
    }
    lab.write("lengths.tsv", "samples\n61\n38\n46\n55\n");
}

#[test]
fn every_observation_is_fitted_around_gaps_and_between_trials() {
    let lab = Lab::new();
    write_recording(&lab);
    for (observation, file, scored) in [
        ("gaussian", "signals.tsv", false),
        ("poisson", "counts.tsv", true),
        ("negative-binomial", "counts.tsv", true),
        ("zero-inflated-poisson", "counts.tsv", true),
        ("bold", "signals.tsv --tr-secs 4", false),
    ] {
        let line = format!(
            "fit {file} --observation {observation} --trials lengths.tsv --inputs pulses.tsv --nuisance movement.tsv \
             --config tiny.toml --save {observation}.safetensors --json"
        );
        let fitted = || {
            let mut answer = lab.nullcline(&line).succeeds().json();
            answer["seconds"].take();
            answer["processor_seconds"].take();
            answer
        };
        let answer = fitted();
        for field in ["d_stsp", "validation"] {
            assert!(answer[field].is_number(), "{observation}: no {field} in {answer:#}");
        }
        assert!(answer["pe"]["value"].is_number(), "{observation}: {answer:#}");
        assert_eq!(answer["bits_per_spike"].is_number(), scored, "{observation}: {answer:#}");
        assert_eq!(answer, fitted(), "the same seed, another answer");
        let run = lab.nullcline(&format!("simulate {observation}.safetensors --steps 20 --json")).succeeds().json();
        let rows = run["observed"].as_array().unwrap();
        assert_eq!((rows.len(), rows[0].as_array().unwrap().len()), (20, 3));
        assert!(rows.iter().flat_map(|row| row.as_array().unwrap()).all(|x| x.is_number()));
    }
}

#[test]
fn what_does_not_fit_together_is_told() {
    let lab = Lab::new();
    write_recording(&lab);
    lab.write("short.tsv", "samples\n61\n38\n");
    for (options, words) in [
        ("signals.tsv --observation bold", ["volume to volume", "--tr-secs"]),
        ("signals.tsv --observation bold --tr-secs 20", ["volume to volume", "20"]),
        ("signals.tsv --observation negative-binomial", ["whole counts", "signals.tsv"]),
        ("counts.tsv --observation poisson --trials short.tsv", ["add up to 200", "99"]),
        ("counts.tsv --observation poisson --trials pulses.tsv", ["whole numbers of samples", "pulses.tsv"]),
        ("counts.tsv --observation poisson --inputs lengths.tsv", ["need 200 rows", "lengths.tsv"]),
    ] {
        lab.nullcline(&format!("fit {options} --config tiny.toml --json")).refuses(&words);
    }
}
