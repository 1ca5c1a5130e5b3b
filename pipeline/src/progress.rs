//! Progress for a person at a terminal, and a plain log for everything else.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::stages::TrainingEvent;

/// One bar over all epochs of all models, naming the model that spoke last.
pub struct Progress {
    bar: ProgressBar,
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Epochs done of each model under way.
    running: BTreeMap<(String, usize), usize>,
    started: Option<Instant>,
    epochs_done: usize,
    epochs_worked: usize,
}

impl Progress {
    pub fn new(n_models: usize, epochs: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { bar: bar(n_models * epochs), terminal, state: Mutex::new(State::default()) }
    }

    /// What training says of one model, `n_models` in all.
    pub fn training(&self, subject: &str, refit: usize, epochs: usize, n_models: usize, event: &TrainingEvent<'_>) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let started = *state.started.get_or_insert_with(Instant::now);
        let key = (subject.to_string(), refit);
        match event {
            TrainingEvent::Started { done, .. } => {
                let before = state.running.insert(key, *done).unwrap_or(0);
                state.epochs_done = state.epochs_done + done - before;
                if *done > 0 {
                    tracing::info!("{subject} refit {refit}: continuing after epoch {done}");
                }
            }
            TrainingEvent::Epoch(record) => {
                state.running.insert(key, record.epoch);
                state.epochs_done += 1;
                state.epochs_worked += 1;
                self.bar.set_message(format!(
                    "{subject} refit {refit}  epoch {}/{epochs}  loss {:.3}",
                    record.epoch, record.loss
                ));
                // Ten lines a model are a log; one an epoch is noise.
                if !self.terminal && record.epoch % epochs.div_ceil(10) == 0 {
                    let left = (n_models * epochs).saturating_sub(state.epochs_done) as f64;
                    let secs = started.elapsed().as_secs_f64() / state.epochs_worked as f64 * left;
                    tracing::info!(
                        "{subject} refit {refit}: epoch {}/{epochs}, loss {:.3} nats per step, about {} left",
                        record.epoch,
                        record.loss,
                        readable(secs)
                    );
                }
            }
            TrainingEvent::Retrying { reason } => self.bar.suspend(|| {
                tracing::warn!("{subject} refit {refit}: {reason}; trying once more with a smaller learning rate");
            }),
            TrainingEvent::Finished => {
                let done = state.running.remove(&key).unwrap_or(0);
                state.epochs_done += epochs - done.min(epochs);
            }
        }
        self.bar.set_position(state.epochs_done as u64);
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar over `n_epochs`, drawn at a terminal only.
pub fn bar(n_epochs: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(n_epochs as u64), at_terminal());
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  time left {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar
}

/// For what takes long and does not tell how far it is: what it is, and since when.
pub fn waiting(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, at_terminal()).with_message(what);
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg}  {elapsed}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn at_terminal() -> ProgressDrawTarget {
    match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    }
}

pub fn readable(secs: f64) -> String {
    match secs {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
