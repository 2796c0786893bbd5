//! Start, hand over, exit code.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use kube_vitals::app::{self, App};
use kube_vitals::clock::Clock;
use kube_vitals::config::{Cli, Command, Settings};
use kube_vitals::shutdown::{self, Signals};
#[cfg(feature = "demo")]
use kube_vitals::sim::demo;
use kube_vitals::telemetry;
use tikv_jemalloc_ctl::{Access, AsName as _};
use tikv_jemallocator::Jemalloc;
use tokio_util::sync::CancellationToken;

/// The one that holds least beside what is asked of it; also what C code asks for comes from it. How
/// it is set is told in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Could not start, or could not go on.
const FAILED: u8 = 1;
/// Wrong configuration; clap uses the same code for flags it does not know.
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    refuse_huge_pages();
    match Cli::<demo::DemoArgs>::parse().command {
        Command::Serve(args) => match Settings::from_args(&args) {
            Ok(settings) => run(serve(settings)),
            Err(faults) => fail(MISCONFIGURED, &faults),
        },
        Command::Demo(args) => demo::run(&args),
        Command::Version => {
            let _ = writeln!(io::stdout(), "kube-vitals {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
    }
}

fn run(command: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    match app::runtime().map(|runtime| runtime.block_on(command)) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) if app::is_misconfigured(&error) => fail(MISCONFIGURED, error.as_ref()),
        Ok(Err(error)) => fail(FAILED, error.as_ref()),
        Err(error) => fail(FAILED, &error),
    }
}

async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let signals = Signals::listen()?;
    let telemetry = telemetry::start(&settings.telemetry)?;
    let app = App::build(settings, Clock::system()).await?.giving_back(give_back_free_memory);
    let aborted = tokio::spawn(signals.stop_then_abort(stop.clone()));
    let code = tokio::select! {
        ended = app.run(stop) => ended.map(|()| ExitCode::SUCCESS),
        _ = aborted => Ok(ExitCode::from(shutdown::ABORTED)),
    };
    telemetry.shutdown().await;
    code
}

/// Where the system backs memory with pages of 2 MiB unasked, or the allocator asks for them, every
/// arena that is touched at all is resident as a whole: 18 MiB in a small cluster, for a gain in
/// speed that is too small to be measured here.
#[cfg(target_os = "linux")]
fn refuse_huge_pages() {
    // A kernel without them has nothing to refuse.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(not(target_os = "linux"))]
const fn refuse_huge_pages() {}

/// Freed pages go back to the system after a second, but only while others are asked for: who is hardly
/// asked for anything would seem to use for long what it has freed. A decay of no time gives back all at once.
fn give_back_free_memory() {
    // The only heap there is.
    let decay_ms = b"arena.0.dirty_decay_ms\0".name();
    let usual: Result<isize, _> = decay_ms.update(0);
    // An allocator that cannot be told goes on as it is.
    let _ = usual.and_then(|usual| decay_ms.write(usual));
}

/// Says what went wrong, causes included, once, where it ends.
fn fail(code: u8, error: &(dyn Error + 'static)) -> ExitCode {
    let _ = writeln!(io::stderr(), "kube-vitals: {}", telemetry::causes(error));
    ExitCode::from(code)
}

/// What is shipped is without the simulated cluster, and says so.
#[cfg(not(feature = "demo"))]
mod demo {
    use super::{ExitCode, MISCONFIGURED, Write, io};

    /// Whatever follows the word.
    #[derive(Debug, clap::Args)]
    pub(crate) struct DemoArgs {
        #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
        _words: Vec<String>,
    }

    pub(crate) fn run(_: &DemoArgs) -> ExitCode {
        let lacking = "this program is without the simulated cluster; in its sources: cargo run --release -- demo";
        let _ = writeln!(io::stderr(), "kube-vitals: {lacking}");
        ExitCode::from(MISCONFIGURED)
    }
}
