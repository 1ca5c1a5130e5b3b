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
        (shallow("[[1], [0, 2]]", "[0, 0]"), vec!["\"W1\"", "found 2 in row 1"]),
        (shallow("[[1]]", "[0, 0]"), vec!["W1", "2"]),
        (shallow("[[1], [0]]", "[0]"), vec!["h1", "2", "1"]),
        (shallow("[[1], [NaN]]", "[0, 0]"), vec!["JSON"]),
        (shallow("[[1], [null]]", "[0, 0]"), vec!["JSON"]),
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
    lab.nullcline("portrait gru.json --input NaN").refuses(&["finite input", "gru.json"]);
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

#[test]
fn files_of_another_kind() {
    let lab = Lab::new();
    lab.nullcline("portrait absent.json").refuses(&["absent.json"]);
    lab.write("weights.mat", "");
    lab.nullcline("portrait weights.mat").refuses(&[".safetensors", ".json", "weights.mat"]);
}
