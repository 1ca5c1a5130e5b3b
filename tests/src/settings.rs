/// A run file for models that learn next to nothing in next to no time.
///
/// Every model counts as faithful (`faithful_share`), so that the whole chain has something to compare:
/// what is tested here is the chain, not the models.
pub const TINY: &str = r#"
refits = 2
[cleaning.eeg]
band_hz = "off"
average_reference = false
[model]
family = "clippedShPLRNN"
latent_dim = 2
hidden_dim = 4
components = 3
encoder_kernel = 3
encoder_hidden = 4
[train]
epochs = 4
batches_per_epoch = 5
batch_size = 4
sequence_length = 20
learning_rate = [2e-3, 1e-3]
validate_every = 1
[judge]
prediction_steps = 5
mixture_samples = 100
max_var_order = 2
faithful_share = 1e6
[analyse]
starts = 10
transient = 100
steps = 100
[compare]
group_column = "group"
permutations = 99
min_per_group = 2
"#;

/// `settings` with the line `from` replaced by `to`.
#[track_caller]
pub fn changed(settings: &str, from: &str, to: &str) -> String {
    assert!(settings.contains(from), "no {from:?} in the settings");
    settings.replacen(from, to, 1)
}
