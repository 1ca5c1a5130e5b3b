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
            vec!["\"LSTM\"", "shPLRNN, clippedShPLRNN, ALRNN or PLRNN"],
        ),
        (r#"{"type": "shPLRNN", "A": [0.5]}"#.to_string(), vec!["\"W1\""]),
        (r#"{"type": "shPLRNN", "A": [], "W1": [], "W2": [], "h1": [], "h2": []}"#.to_string(), vec!["weights.json"]),
        (r#"{"type": "ALRNN", "A": [0.5], "W": [[0]], "h": [0]}"#.to_string(), vec!["\"P\""]),
        (r#"{"type": "ALRNN", "A": [0.5], "W": [[0]], "h": [0], "P": 2}"#.to_string(), vec!["P = 2"]),
        (r#"{"type": "PLRNN", "A": [0.5, 0.5], "W": [[0, 1]], "h": [0, 0]}"#.to_string(), vec!["W", "2"]),
    ] {
        let lab = Lab::new();
        lab.write("weights.json", weights);
        lab.nullcline("portrait weights.json --json").refuses(&[words, vec!["weights.json"]].concat());
    }
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
