//! The one thread that starts processes.
//!
//! bubblewrap asks the kernel to be killed when its parent dies, and for the kernel the parent is
//! the *thread* that forked. A pool's threads come and go, so all processes start on a thread that
//! lives as long as the runner. Its queue is also what makes cancelling exact: once a marker has
//! passed through it, every process that was asked for before has been started or discarded.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::error::RunnerError;

#[derive(Debug)]
pub(super) struct Spawner {
    jobs: mpsc::Sender<Job>,
}

enum Job {
    Spawn {
        command: Box<Command>,
        runtime: Handle,
        reply: oneshot::Sender<io::Result<Running>>,
    },
    Settle(oneshot::Sender<()>),
}

/// A process that leads a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Spawner {
    pub(super) fn start() -> Result<Self, RunnerError> {
        let (jobs, queue) = mpsc::channel();
        std::thread::Builder::new()
            .name("prebuild-spawner".to_owned())
            .spawn(move || serve(&queue))
            .map_err(|e| RunnerError::io("start", Path::new("a thread"), e))?;
        Ok(Self { jobs })
    }

    /// Starts the command in a process group of its own. The command is gone when this returns, and
    /// with it this process's ends of its pipes.
    pub(super) async fn spawn(&self, mut command: Command) -> io::Result<Running> {
        command.process_group(0).kill_on_drop(true);
        let (reply, answer) = oneshot::channel();
        let job = Job::Spawn {
            command: Box::new(command),
            runtime: Handle::current(),
            reply,
        };
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Waits until everything that was asked for before has been started or discarded.
    pub(super) async fn settle(&self) {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Settle(reply)).is_ok() {
            // An error means that the thread is gone, and with it every job.
            let _ = answer.await;
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts processes has ended")
}

fn serve(queue: &mpsc::Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        match job {
            Job::Spawn {
                mut command,
                runtime,
                reply,
            } => {
                if reply.is_closed() {
                    continue;
                }
                let _context = runtime.enter();
                let running = command.spawn().map(|child| Running {
                    group: child
                        .id()
                        .and_then(|id| i32::try_from(id).ok())
                        .and_then(Pid::from_raw),
                    child,
                });
                drop(command);
                // Nobody waits any more: dropping the answer kills the process.
                drop(reply.send(running));
            }
            Job::Settle(reply) => drop(reply.send(())),
        }
    }
}

impl Running {
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // The process has been collected, so its id may be another's from here on.
        self.group = None;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
