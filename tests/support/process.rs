//! Child processes that never outlive the test that started them.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

/// A child that is ended (first gently) when it is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts `command`; its output goes where the command says.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self, String> {
        let child = command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line of standard output that `wanted` accepts, within `limit`.
    pub(crate) fn line(&mut self, limit: Duration, wanted: impl Fn(&str) -> bool) -> Result<String, String> {
        let lines = self.lines()?;
        let deadline = Instant::now() + limit;
        while let Ok(Some(line)) = lines.next(deadline.saturating_duration_since(Instant::now())) {
            if wanted(&line) {
                return Ok(line);
            }
        }
        Err(format!("{} did not say that it is ready within {limit:?}", self.name))
    }

    /// Standard output from now on; to be taken once.
    pub(crate) fn lines(&mut self) -> Result<Lines, String> {
        let stdout = self.child.stdout.take().ok_or("standard output is not piped")?;
        let (lines, received) = std::sync::mpsc::channel();
        std::thread::spawn(move || forward_lines(stdout, &lines));
        Ok(Lines(received))
    }

    /// Standard input, if it is piped.
    pub(crate) fn stdin(&mut self) -> Option<&mut ChildStdin> {
        self.child.stdin.as_mut()
    }

    /// The exit status, if it has ended.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
    }

    /// Ends it at once and without a warning (SIGKILL).
    #[allow(dead_code, reason = "only the tests of replicas end one so")]
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).map_err(|error| error.to_string())
    }

    /// Sends SIGTERM and waits; the exit status, or an error if it takes longer than `limit`.
    pub(crate) fn stop(&mut self, limit: Duration) -> Result<ExitStatus, String> {
        self.terminate();
        self.ended(limit)
    }

    /// Waits for its end; the exit status, or an error if it takes longer than `limit`.
    pub(crate) fn ended(&mut self, limit: Duration) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("{} did not stop within {limit:?}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.stop(Duration::from_secs(10)).is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The lines of a child's standard output.
pub(crate) struct Lines(std::sync::mpsc::Receiver<String>);

impl Lines {
    /// The next one, `None` at the end, or an error if it takes longer than `limit`.
    pub(crate) fn next(&self, limit: Duration) -> Result<Option<String>, String> {
        match self.0.recv_timeout(limit) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(format!("not a line within {limit:?}")),
        }
    }
}

/// Reads to the end even if nobody listens any more, so that the child never blocks on a full pipe.
fn forward_lines(stdout: ChildStdout, lines: &std::sync::mpsc::Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let _ = lines.send(line);
    }
}

/// Tries `attempt` every 200 ms until it succeeds; the last error after `limit`.
pub(crate) fn eventually<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => return Err(format!("after {limit:?}: {error}")),
            Err(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}
