//! A demo from its start to its end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::shutdown::{self, Signals};
use crate::sim::control_plane::Account;
use crate::sim::demo::announcement::Announcement;
use crate::sim::demo::client::Client;
use crate::sim::demo::console::Console;
use crate::sim::demo::stage::Stage;
use crate::sim::demo::status::Status;
use crate::sim::demo::{DemoArgs, DemoError, check, files};
use crate::telemetry::causes;

/// Between two status lines, for somebody who watches and for a file.
const WATCHED_PERIOD: Duration = Duration::from_secs(1);
const KEPT_PERIOD: Duration = Duration::from_secs(10);
/// A year: a demo without `--for` lasts until it is stopped.
const FOREVER: Duration = Duration::from_hours(365 * 24);
/// Exit codes are those of `serve`: could not start or go on, and wrong configuration.
const FAILED: u8 = 1;
const MISCONFIGURED: u8 = 2;

/// Runs a demo until it is stopped, its time is over, or the check is done.
pub fn run(args: &DemoArgs) -> ExitCode {
    let ended = match Runtime::new() {
        Ok(runtime) => runtime.block_on(run_until_stopped(args)),
        Err(error) => Err(DemoError::Machine(error)),
    };
    ended.unwrap_or_else(|error| {
        // Nobody is left to tell if even this cannot be written.
        let _ = writeln!(io::stderr(), "kube-vitals: {}", causes(&error));
        ExitCode::from(if error.is_misconfiguration() { MISCONFIGURED } else { FAILED })
    })
}

async fn run_until_stopped(args: &DemoArgs) -> Result<ExitCode, DemoError> {
    let scenario = args.scenario()?;
    let scenario = if args.check { check::scenario(scenario) } else { scenario };
    let mut signals = Signals::listen()?;
    let (stage, mut server) = tokio::select! {
        started = Stage::start(args, scenario) => started?,
        _ = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let mut console = Console::new();
    let played = tokio::select! {
        played = play(args, &stage, &mut console) => played,
        ended = server.ended() => ended.and(Err(DemoError::Ended)),
        _ = signals.next() => Ok(ExitCode::SUCCESS),
    };
    let stopped = tokio::select! {
        stopped = async { let stopped = server.stop().await; stage.stop().await; stopped } => stopped,
        _ = signals.next() => return Ok(ExitCode::from(shutdown::ABORTED)),
    };
    let code = played?;
    stopped?;
    if !args.check {
        console.say("stopped")?;
    }
    Ok(code)
}

async fn play(args: &DemoArgs, stage: &Stage, console: &mut Console) -> Result<ExitCode, DemoError> {
    let client = Client::of_front(&stage.control_plane)?;
    if args.check {
        let is_equal = check::run(stage, &client, console).await?;
        return Ok(if is_equal { ExitCode::SUCCESS } else { ExitCode::from(FAILED) });
    }
    announce(args, stage, console)?;
    let ends = Instant::now() + args.lasts.unwrap_or(FOREVER);
    let mut status = Status::new(stage);
    let mut ticks = interval(if console.is_terminal() { WATCHED_PERIOD } else { KEPT_PERIOD });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => console.show(&status.line(stage, &client).await)?,
            () = sleep_until(ends) => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn announce(args: &DemoArgs, stage: &Stage, console: &mut Console) -> Result<(), DemoError> {
    let front = &stage.control_plane;
    let users = [("admin", Account::Admin), ("viewer", Account::Viewer), ("guest", Account::Guest)]
        .map(|(name, account)| (name, front.token(account)));
    let kubeconfig = args.kubeconfig.clone().unwrap_or_else(|| stage.folder.path("kubeconfig"));
    files::write(&kubeconfig, &files::kubeconfig(front.address(), front.ca_pem(), &users))?;
    let ca = stage.folder.path("ca.pem");
    files::write(&ca, front.ca_pem())?;
    console.say(&Announcement { stage, kubeconfig: &kubeconfig, ca: &ca }.to_string())?;
    Ok(())
}
