//! Running one program to its end, with its output in the log.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Command;
use uuid::Uuid;

use super::Inner;
use super::environment::Environment;
use super::output::Sink;
use super::processes::{self, COMMAND_VARIABLE, Mark};
use super::spawner::Spawner;
use super::{ENVIRONMENT_VARIABLE, error::RunnerError};

/// How much of the output is taken at once.
const CHUNK: usize = 16 * 1024;
/// How much is still read after a program has ended: more than a pipe holds.
const MAX_REST: usize = 2 * 1024 * 1024;

/// Gives the command its standard input back, which bubblewrap has read its options from.
const WITHOUT_INPUT: &str = r#"exec "$@" </dev/null"#;

impl Inner {
    /// Runs a command of the environment in its workspace, in the sandbox if there is one. When
    /// this returns, everything that the command started has ended too.
    pub(super) async fn run_command(
        &self,
        environment: &Environment,
        words: &[&str],
        env: &BTreeMap<String, String>,
        sink: &mut impl Sink,
    ) -> Result<ExitStatus, RunnerError> {
        let id = Uuid::now_v7();
        let marks = [
            (ENVIRONMENT_VARIABLE, environment.id.to_string()),
            (COMMAND_VARIABLE, id.to_string()),
        ];
        let mut env = env.clone();
        env.extend(
            marks
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let failed = |error| RunnerError::io("run", Path::new(words[0]), error);

        let mut command;
        match &self.sandbox {
            Some(sandbox) => {
                let options = sandbox
                    .options(&environment.folder, &environment.workspace_inside, &env)
                    .map_err(failed)?;
                command = Command::new(sandbox.program());
                command
                    .args(["--args", "0", "--", "/bin/sh", "-c", WITHOUT_INPUT, "sh"])
                    .args(words)
                    .env_clear()
                    .envs(marks)
                    .current_dir("/")
                    .stdin(options);
            }
            None => {
                command = Command::new(words[0]);
                command
                    .args(&words[1..])
                    .env_clear()
                    .envs(env)
                    .current_dir(&environment.workspace)
                    .stdin(Stdio::null());
            }
        }
        run(&self.spawner, command, Some(Mark::command(id)), sink)
            .await
            .map_err(|error| match error {
                Failed::Io(error) => failed(error),
                Failed::Left(error) => error,
            })
    }
}

pub(super) enum Failed {
    Io(io::Error),
    Left(RunnerError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs `command` to its end. Both output streams go through one pipe, so they arrive in order. What
/// carries `mark` is ended with it; something that still holds the pipe does not delay the return.
pub(super) async fn run(
    spawner: &Spawner,
    mut command: Command,
    mark: Option<Mark>,
    sink: &mut impl Sink,
) -> Result<ExitStatus, Failed> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut output = pipe::Receiver::from_owned_fd(reader.into())?;
    let mut running = spawner.spawn(command).await?;
    let mut buffer = vec![0; CHUNK];
    let mut open = true;
    let status = loop {
        tokio::select! {
            read = output.read(&mut buffer), if open => match read? {
                0 => open = false,
                count => sink.take(&buffer[..count]),
            },
            status = running.wait() => break status?,
        }
    };
    if let Some(mark) = mark {
        processes::end(mark).await.map_err(Failed::Left)?;
    }
    // Straight from the pipe: the runtime need not have noticed yet that there is more.
    let mut rest = 0;
    while open && rest < MAX_REST {
        match rustix::io::read(&output, &mut buffer[..]) {
            Ok(0) => open = false,
            Ok(count) => {
                rest += count;
                sink.take(&buffer[..count]);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => break,
            Err(error) => return Err(Failed::Io(error.into())),
        }
    }
    Ok(status)
}
