//! The command line: what each command takes, and which function answers it.

mod arrays;
mod fit;
mod fit_series;
mod inspect;
mod portrait;
mod portrait_text;
mod run;
mod simulate;
mod weights;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cores;
use crate::one_line::one_line;
use crate::run::Outcome;

/// `println!` that fails as an error and not as a panic: the disk may be full, the reader gone.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout(), $($text)*).map_err(anyhow::Error::from)
    }};
}
pub(crate) use say;

const EXIT_NOTHING: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_EXCLUSIONS: u8 = 3;

#[derive(Parser)]
#[command(
    name = "nullcline",
    version,
    about = "From recordings of a cohort to an honest comparison of its dynamics",
    after_help = "Examples:
  nullcline demo
  nullcline run study/ out/ participant --participant-label 01 02
  nullcline run study/ out/ group --group-column group --control control
  nullcline inspect sub-01_task-rest_eeg.edf

Exit codes: 0 all went well, 1 nothing could be done, 2 wrong usage, 3 finished with exclusions."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArguments),
    Inspect(inspect::InspectArguments),
    Fit(fit::FitArguments),
    Portrait(portrait::PortraitArguments),
    Simulate(simulate::SimulateArguments),
    Compare(run::CompareArguments),
    Report(run::ReportArguments),
    Demo(crate::demo::DemoArguments),
}

/// Runs the command named by `arguments`, the program's name first.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // BIDS Apps are called with hyphens by some and underscores by others.
    let arguments = arguments.map(hyphenated);
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(message) => {
            // Help and version are not errors.
            let code = if message.use_stderr() { EXIT_USAGE } else { 0 };
            let _ = message.print();
            return ExitCode::from(code);
        }
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .with_max_level(tracing::Level::INFO)
        // A log that nobody reads any more must not end a run of hours.
        .log_internal_errors(false)
        .with_ansi(false)
        .init();
    let answered = match parsed.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Inspect(arguments) => cores::on_all(|| inspect::inspect(&arguments)),
        Command::Fit(arguments) => fit::fit(&arguments),
        Command::Portrait(arguments) => cores::on_all(|| portrait::portrait(&arguments)),
        Command::Simulate(arguments) => simulate::simulate(&arguments),
        Command::Compare(arguments) => run::compare(&arguments),
        Command::Report(arguments) => run::report(&arguments),
        Command::Demo(arguments) => crate::demo::demo(&arguments),
    };
    match answered {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::WithExclusions) => ExitCode::from(EXIT_EXCLUSIONS),
        Ok(Outcome::Nothing) => ExitCode::from(EXIT_NOTHING),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "nullcline: {}", one_line(&error));
            ExitCode::from(EXIT_NOTHING)
        }
    }
}

/// Whoever read our answer had seen enough, as in `… | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// `--participant_label=a_b` → `--participant-label=a_b`; values are left alone.
fn hyphenated(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text.starts_with("--") => {
            let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            let name = name.replace('_', "-");
            match value {
                Some(value) => format!("{name}={value}").into(),
                None => name.into(),
            }
        }
        _ => argument,
    }
}

/// Writes one JSON value to standard output.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(value)?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn underscores_in_option_names_are_hyphens() {
        assert_eq!(hyphenated("--participant_label".into()), "--participant-label");
        assert_eq!(hyphenated("--group_column=dx_group".into()), "--group-column=dx_group");
        assert_eq!(hyphenated("my_folder".into()), "my_folder");
    }
}
