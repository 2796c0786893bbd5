//! A demo from its start to its end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::app;
use crate::shutdown::Signals;
use crate::sim::causes::chain;
use crate::sim::control_plane::Account;
use crate::sim::demo::announcement::Announcement;
use crate::sim::demo::client::Client;
use crate::sim::demo::console::Console;
use crate::sim::demo::stage::Stage;
use crate::sim::demo::status::Status;
use crate::sim::demo::{DemoArgs, DemoError, check, files};

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
    let ended = match app::runtime() {
        Ok(runtime) => runtime.block_on(run_until_stopped(args)),
        Err(error) => Err(DemoError::Machine(error)),
    };
    ended.unwrap_or_else(|error| {
        // Nobody is left to tell if even this cannot be written.
        let _ = writeln!(io::stderr(), "kube-vitals: {}", chain(&error));
        match error {
            DemoError::Flags(_) | DemoError::Settings(_) => ExitCode::from(MISCONFIGURED),
            _ => ExitCode::from(FAILED),
        }
    })
}

async fn run_until_stopped(args: &DemoArgs) -> Result<ExitCode, DemoError> {
    let mut signals = Signals::listen()?;
    let mut console = Console::new();
    let scenario = if args.check { check::scenario(args.scenario()) } else { args.scenario() };
    let mut stage = Stage::start(args, scenario).await?;
    let client = Client::of_front(&stage.control_plane)?;
    let outcome = tokio::select! {
        _ = signals.next() => Ok(ExitCode::SUCCESS),
        outcome = play(args, &mut stage, &client, &mut console) => outcome,
    };
    let stopped = tokio::select! {
        stopped = stage.stop() => stopped,
        _ = signals.next() => return Ok(ExitCode::from(crate::shutdown::ABORTED)),
    };
    let code = outcome?;
    stopped?;
    console.say("")?;
    Ok(code)
}

async fn play(
    args: &DemoArgs,
    stage: &mut Stage,
    client: &Client,
    console: &mut Console,
) -> Result<ExitCode, DemoError> {
    if args.check {
        let equal = check::run(stage, client, console).await?;
        return Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    announce(args, stage, console)?;
    let ends = Instant::now() + args.lasts.unwrap_or(FOREVER);
    let mut status = Status::new(stage);
    let mut ticks = interval(if console.is_terminal() { WATCHED_PERIOD } else { KEPT_PERIOD });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let line = status.line(stage, client).await;
                console.show(&line)?;
            }
            () = sleep_until(ends) => return Ok(ExitCode::SUCCESS),
            ended = stage.server.ended() => return ended.map(|()| ExitCode::FAILURE),
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
