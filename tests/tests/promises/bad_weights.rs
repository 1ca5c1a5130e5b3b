//! Weights that are none are refused in one line.

use nullcline_tests::Lab;

#[test]
fn weights_in_json() {
    let shallow = |w1: &str, h1: &str| {
        format!(r#"{{"type": "shPLRNN", "A": [0.5, 0.5], "W1": {w1}, "W2": [[1, 0]], "h1": {h1}, "h2": [0]}}"#)
    };
    for (weights, words) in [
        (String::new(), vec!["JSON"]),
        ("[1, 2".to_string(), vec!["JSON"]),
        (shallow("[[1], [0, 2]]", "[0, 0]"), vec!["\"W1\"", "found 2 in row 2"]),
        (shallow("[[1]]", "[0, 0]"), vec!["W1", "2"]),
        (shallow("[[1], [0]]", "[0]"), vec!["h1", "2", "1"]),
        (shallow("[[1], [NaN]]", "[0, 0]"), vec!["JSON"]),
        (shallow("[[1], [null]]", "[0, 0]"), vec!["\"W1\"", "null"]),
        (shallow("[[1], [1e999]]", "[0, 0]"), vec!["JSON"]),
        (
            shallow("[[1], [0]]", "[0, 0]").replace("shPLRNN", "LSTM"),
            vec!["\"LSTM\"", "shPLRNN, clippedShPLRNN, ALRNN, PLRNN", "GRU"],
        ),
        (r#"{"type": "shPLRNN", "A": [0.5]}"#.to_string(), vec!["\"W1\""]),
        (r#"{"type": "shPLRNN", "A": [], "W1": [], "W2": [], "h1": [], "h2": []}"#.to_string(), vec!["weights.json"]),
        (r#"{"type": "ALRNN", "A": [0.5], "W": [[0]], "h": [0]}"#.to_string(), vec!["\"P\""]),
        (r#"{"type": "ALRNN", "A": [0.5], "W": [[0]], "h": [0], "P": 2}"#.to_string(), vec!["P = 2"]),
        (r#"{"type": "PLRNN", "A": [0.5, 0.5], "W": [[0, 1]], "h": [0, 0]}"#.to_string(), vec!["W", "2"]),
        (r#"{"A": [0.5], "W": [[0]], "h": [0]}"#.to_string(), vec!["\"type\"", "PLRNN"]),
        (r#"{"type": "tanhRNN", "W": [[0, 1]], "b": [0]}"#.to_string(), vec!["W must be 1 × 1", "1 × 2"]),
        (r#"{"type": "tanhRNN", "W": [], "b": []}"#.to_string(), vec!["at least one latent dimension"]),
        (r#"{"type": "tanhRNN", "W": [[1]], "b": [0], "dt": 0.1}"#.to_string(), vec!["\"tau\""]),
        (r#"{"type": "GRU", "weight_hh": [[1], [1]]}"#.to_string(), vec!["weight_hh must be 3 × 1", "2 × 1"]),
        (r#"{"type": "GRU", "weight_hh": [[1], [1], [1]], "bias_hh": [0]}"#.to_string(), vec!["bias_hh", "3", "1"]),
        (
            r#"{"type": "GRU", "a": {"weight_hh": [[1]]}, "b": {"weight_hh": [[1]]}}"#.to_string(),
            vec!["need one \"weight_hh\""],
        ),
        (r#"{"type": "neuralODE", "time_step": 0.1}"#.to_string(), vec!["layers"]),
        (r#"{"type": "neuralODE", "layers": [{"weight": [[1]], "bias": [0]}]}"#.to_string(), vec!["\"time_step\""]),
        (r#"{"type": "polynomial", "time_step": 1, "terms": [[[1, [1, 2]]]]}"#.to_string(), vec!["powers", "length 1"]),
        (
            r#"{"type": "lowRank", "a": 0.9, "V": [[1]], "U": [[1], [2]], "b": [0, 0]}"#.to_string(),
            vec!["V must be 1 × 2"],
        ),
    ] {
        let lab = Lab::new();
        lab.write("weights.json", weights);
        lab.nullcline("portrait weights.json --json").refuses(&[words, vec!["weights.json"]].concat());
    }
}

#[test]
fn inputs_that_do_not_fit() {
    let lab = Lab::new();
    lab.write("plain.json", r#"{"type": "PLRNN", "A": [0.5, 0.5], "W": [[0, 1], [0, 0]], "h": [0, 0]}"#);
    lab.nullcline("portrait plain.json --input 1").refuses(&["\"C\"", "2 dimensions", "plain.json"]);
    lab.write("gru.json", r#"{"type": "GRU", "weight_hh": [[1], [1], [1]], "weight_ih": [[0], [0], [1]]}"#);
    lab.nullcline("portrait gru.json --input 1,2").refuses(&["input of 1", "found 2", "gru.json"]);
    lab.nullcline("portrait gru.json --input NaN").refuses(&["finite numbers in --input", "NaN in place 1"]);
    lab.nullcline("portrait gru.json --input 1,inf").refuses(&["finite numbers in --input", "inf in place 2"]);
}

/// Whoever misspells a bias, or sets what is not honoured, must not get the portrait of another network.
#[test]
fn what_would_not_be_used_is_named() {
    let tanh = r#""type": "tanhRNN", "W": [[0.5]]"#;
    let gru = r#""type": "GRU", "weight_hh": [[0], [0], [1]]"#;
    let low_rank = r#""type": "lowRank", "a": 0.5, "V": [[1]], "U": [[1]], "b": [0]"#;
    let ode = r#""type": "neuralODE", "layers": [{"weight": [[1]], "bias": [0]}]"#;
    for (weights, words) in [
        (format!(r#"{tanh}, "b_h1": [3]"#), vec!["\"b_h1\"", "a tanhRNN", "\"bias_hh\"", "\"scheme\""]),
        (format!(r#"{tanh}, "activation": "relu""#), vec!["\"activation\"", "tanh", "\"relu\""]),
        (format!(r#"{tanh}, "alpha": 0.1, "tau": 2"#), vec!["found \"tau\""]),
        (format!(r#"{tanh}, "alpha": -0.1"#), vec!["positive \"alpha\"", "-0.1"]),
        (format!(r#"{tanh}, "dt": 1, "tau": -2"#), vec!["positive \"tau\"", "-2"]),
        (format!(r#"{tanh}, "scheme": "flow", "alpha": 0.1, "dt": 1"#), vec!["found \"alpha\""]),
        (format!(r#"{tanh}, "scheme": "midpoint", "dt": 1"#), vec!["\"scheme\"", "\"midpoint\""]),
        (format!(r#"{tanh}, "scheme": 2"#), vec!["a text in \"scheme\"", "found 2"]),
        (format!(r#"{tanh}, "dim": 3"#), vec!["\"dim\" of 1", "found 3"]),
        (format!(r#"{tanh}, "weight_ih": [[1], [1]]"#), vec!["\"weight_ih\" of 1 × 1", "2 × 1"]),
        (format!(r#"{gru}, "weight_hh_l1": [[0], [0], [1]]"#), vec!["GRU of one layer", "\"weight_hh_l1\""]),
        (gru.replace("GRU", "GRU, 2 layers"), vec!["\"type\"", "\"2 layers\""]),
        (gru.replace("GRU", "GRU2"), vec!["\"GRU2\""]),
        (format!(r#"{low_rank}, "dt": 0.1, "tau": 1"#), vec!["found \"dt\" and \"tau\"", "lowRank"]),
        (format!(r#"{low_rank}, "scheme": "flow""#), vec!["found \"scheme\""]),
        (format!(r#"{low_rank}, "activation": "sigmoid""#), vec!["relu or tanh", "\"sigmoid\""]),
        (format!(r#"{low_rank}, "H": 1, "hidden_dim": 7"#), vec!["\"hidden_dim\" of 1", "found 7"]),
        (format!(r#"{low_rank}, "A": [0.9]"#), vec!["found \"A\""]),
        (format!(r#"{ode}, "time_step": -0.1"#), vec!["positive \"time_step\"", "-0.1"]),
        (format!(r#"{ode}, "time_step": 0.1, "dt": 0.2"#), vec!["found \"dt\""]),
        (format!(r#"{ode}, "scheme": "map", "time_step": 0.1"#), vec!["found \"time_step\""]),
        (ode.replace("neuralODE", "neuralODE, 70 steps"), vec!["\"type\"", "70 steps"]),
        (ode.replace("neuralODE", "neuralODE, dopri5"), vec!["\"dopri5\"", "\"time_step\""]),
        (format!(r#"{}, "time_step": 0.1"#, ode.replace("neuralODE", "neuralODE, t in [0,1], 70 steps")), vec!["0.1"]),
        (r#""type": "PLRNN", "A": [0.5], "W": [[0]], "h_1": [0]"#.to_string(), vec!["need \"h\"", "\"h_1\""]),
        (r#""type": "PLRNN", "A": [0.5], "W": [[0]], "h": [0], "h": [1]"#.to_string(), vec!["one \"h\"", "two"]),
        (format!(r#"{tanh}, "input": [1], "C": [[1, 2]]"#), vec!["\"C\" of 1 × 1", "1 × 2"]),
        (r#""type": "polynomial", "terms": [[1]], "time_step": 1"#.to_string(), vec!["\"terms\"", "[coefficient"]),
        (r#""type": "PLRNN", "A": [0.5], "W": [[0]], "h": [0], "W2": [[1]]"#.to_string(), vec!["found \"W2\""]),
    ] {
        let lab = Lab::new();
        lab.write("weights.json", format!("{{{weights}}}"));
        lab.nullcline("portrait weights.json").refuses(&[words, vec!["weights.json"]].concat());
    }
}

/// Notes, readouts and results of others change nothing.
#[test]
fn remarks_are_no_weights() {
    let lab = Lab::new();
    let plain = r#"{"type": "PLRNN", "A": [0.5], "W": [[0]], "h": [3]}"#;
    lab.write("plain.json", plain);
    let remarks = r#""name": "mine", "_note": 3, "readout": {"weight": [[2]]}, "fixed_points": [[6]], "metadata": {"h": [9], "epochs": 7}, "#;
    lab.write("told.json", plain.replace('{', &format!("{{{remarks}")));
    let portrait = |file: &str| lab.nullcline(&format!("portrait {file} --json")).succeeds().stdout;
    assert_eq!(portrait("plain.json"), portrait("told.json"));
}

#[test]
fn weights_in_safetensors() {
    for bytes in [&b""[..], b"not safetensors", b"\xff\xff\xff\xff\xff\xff\xff\xff{}", b"\x02\0\0\0\0\0\0\0{}"] {
        let lab = Lab::new();
        lab.write("model.safetensors", bytes);
        lab.nullcline("portrait model.safetensors").refuses(&["model.safetensors"]);
        lab.nullcline("simulate model.safetensors").refuses(&["model.safetensors"]);
    }
}

/// A tensor that is not used is named as a key in JSON is; so is a number that is none.
#[test]
fn tensors_that_would_not_be_used_are_named() {
    let header = r#""__metadata__":{"type":"PLRNN","format":"pt"}"#;
    for (tensors, values, words) in [
        (vec![("A", "[1]"), ("W", "[1,1]"), ("h", "[1]")], vec![0.5, 0.0, 3.0], None),
        (vec![("A", "[1]"), ("W", "[1,1]"), ("h", "[1]"), ("b", "[1]")], vec![0.5, 0.0, 3.0, 1.0], Some("found \"b\"")),
        (vec![("A", "[1]"), ("W", "[1,1]"), ("h", "[1]")], vec![0.5, 0.0, f64::NAN], Some("found NaN in place 1 of 1")),
    ] {
        let entries = tensors.iter().enumerate().map(|(i, (name, shape))| {
            format!(r#","{name}":{{"dtype":"F64","shape":{shape},"data_offsets":[{},{}]}}"#, 8 * i, 8 * (i + 1))
        });
        let text = format!("{{{header}{}}}", entries.collect::<String>());
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.bytes());
        values.iter().for_each(|value: &f64| bytes.extend(value.to_le_bytes()));
        let lab = Lab::new();
        lab.write("model.safetensors", bytes);
        let answer = lab.nullcline("portrait model.safetensors");
        match words {
            None => drop(answer.succeeds()),
            Some(words) => drop(answer.refuses(&[words, "model.safetensors"])),
        }
    }
}

#[test]
fn files_of_another_kind() {
    let lab = Lab::new();
    lab.nullcline("portrait absent.json").refuses(&["absent.json"]);
    lab.write("weights.mat", "");
    lab.nullcline("portrait weights.mat").refuses(&[".safetensors", ".json", "weights.mat"]);
}
