//! What stands between the commands of a repository and this machine: bubblewrap.
//!
//! Namespaces of their own for users, processes, IPC and the host name; no capabilities; the system
//! read-only; of the server's files only programs, certificates and a few names in `/etc`. The
//! network is the machine's own. Inside, the user is always `prebuild` (1000), whoever the server
//! runs as, so that a snapshot does not depend on that.
//!
//! bubblewrap itself runs outside of what it builds. So nothing of a repository may reach *its*
//! environment (`LD_PRELOAD` would be loaded by it), and no secret its arguments, which everybody
//! on the machine can read. Its options, with the environment of the command among them, are
//! therefore read from an anonymous file on standard input, which is `/dev/null` again for the
//! command.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};

use super::RunnerConfig;
use super::environment::create_folder;
use super::error::RunnerError;

/// HOME in the sandbox.
const HOME: &str = "/home/prebuild";
/// User and group in the sandbox.
const USER: &str = "1000";
/// The folder, beside the environments, of the files in `/etc` that are our own.
const OWN_ETC: &str = "sandbox-etc";

/// The part of `/etc` that programs need. No keys, no passwords, no configuration of the server's
/// services; users, groups and host names are our own files.
const ETC: &[&str] = &[
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "gai.conf",
    "host.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "maven",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "perl",
    "pki/ca-trust",
    "pki/java",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "profile",
    "profile.d",
    "protocols",
    "python3",
    "redhat-release",
    "resolv.conf",
    "services",
    "shells",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
    "xml",
];

/// The parts of `/proc` that set the kernel and not a process. The kernel asks who owns them, not
/// for a capability: under a server that runs as root the owner is, outside of the sandbox, also the
/// user inside, who could name a program for the kernel to run (`kernel.core_pattern`).
const KERNEL: &[&str] = &[
    "acpi",
    "bus",
    "driver",
    "fs",
    "irq",
    "mtrr",
    "pressure",
    "scsi",
    "sys",
    "sysrq-trigger",
    "tty",
];

/// Where toolchains keep what their programs on the PATH need: the variable that names the folder,
/// and the folder in the server's HOME where it is when the variable is not set. Never a folder
/// that also keeps credentials, as `~/.cargo` does.
const TOOLCHAINS: &[(&str, Option<&str>)] = &[
    ("ANDROID_HOME", None),
    ("ASDF_DATA_DIR", Some(".asdf")),
    ("BUN_INSTALL", Some(".bun")),
    ("DENO_INSTALL", Some(".deno")),
    ("DOTNET_ROOT", Some(".dotnet")),
    ("FNM_DIR", Some(".local/share/fnm")),
    ("GOROOT", None),
    ("JAVA_HOME", None),
    ("MISE_DATA_DIR", Some(".local/share/mise")),
    ("NVM_DIR", Some(".nvm")),
    ("PYENV_ROOT", Some(".pyenv")),
    ("RBENV_ROOT", Some(".rbenv")),
    ("RUSTUP_HOME", Some(".rustup")),
    ("SDKMAN_DIR", Some(".sdkman")),
    ("UV_PYTHON_INSTALL_DIR", Some(".local/share/uv/python")),
    ("VOLTA_HOME", Some(".volta")),
];

/// Whether commands run in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxMode {
    /// Every command runs in bubblewrap.
    Bubblewrap {
        /// The program.
        path: PathBuf,
        /// Whether it can forbid further user namespaces inside (version 0.8 and later).
        disable_userns: bool,
    },
    /// Commands run as the server does, and see what it sees.
    None,
}

/// Why there is no sandbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxUnavailable {
    /// There is no bubblewrap.
    #[error(
        "bubblewrap is not installed: install the package `bubblewrap`, so that `bwrap` is on the PATH"
    )]
    NotInstalled,
    /// It is there and does not work.
    #[error(
        "{path} does not work on this machine: {reason}; it needs unprivileged user namespaces (sysctl user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns, or the seccomp profile of the container)",
        path = .path.display()
    )]
    NotWorking {
        /// The program.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

impl SandboxMode {
    /// Finds bubblewrap on this process's PATH and tries it. Takes about 20 ms, and blocks.
    ///
    /// # Errors
    /// It is not installed, or this machine does not let it work; the message says what to do.
    pub fn detect() -> Result<Self, SandboxUnavailable> {
        Self::detect_in(&std::env::var_os("PATH").unwrap_or_default())
    }

    /// As [`detect`](Self::detect), with another PATH.
    ///
    /// # Errors
    /// As there.
    pub fn detect_in(search_path: &OsStr) -> Result<Self, SandboxUnavailable> {
        let path = std::env::split_paths(search_path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("bwrap"))
            .find(|program| program.is_file())
            .ok_or(SandboxUnavailable::NotInstalled)?;
        let run = |arguments: &[&str]| {
            let not_working = |reason| SandboxUnavailable::NotWorking {
                path: path.clone(),
                reason,
            };
            let output = std::process::Command::new(&path)
                .args(arguments)
                .env_clear()
                .stdin(std::process::Stdio::null())
                .output()
                .map_err(|error| not_working(error.to_string()))?;
            if output.status.success() {
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            } else {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(not_working(said.trim().chars().take(500).collect()))
            }
        };
        let disable_userns = run(&["--help"])?.contains("--disable-userns");
        let mut probe = isolation(disable_userns);
        probe.extend([
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "true",
        ]);
        run(&probe)?;
        Ok(Self::Bubblewrap {
            path,
            disable_userns,
        })
    }
}

fn isolation(disable_userns: bool) -> Vec<&'static str> {
    let mut options = vec![
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--uid",
        USER,
        "--gid",
        USER,
        "--hostname",
        "prebuild",
        "--cap-drop",
        "ALL",
        "--new-session",
        "--die-with-parent",
    ];
    if disable_userns {
        options.push("--disable-userns");
    }
    options
}

/// bubblewrap with the options that are the same for all environments.
#[derive(Debug)]
pub(super) struct Sandbox {
    program: PathBuf,
    /// Before the folders of the environment: namespaces and system.
    system: Options,
    /// After them: the programs on the PATH and what belongs to them.
    tools: Options,
}

impl Sandbox {
    pub(super) fn prepare(config: &RunnerConfig) -> Result<Option<Self>, RunnerError> {
        let SandboxMode::Bubblewrap {
            path,
            disable_userns,
        } = &config.sandbox
        else {
            return Ok(None);
        };
        let mut system = Options::default();
        system.add(isolation(*disable_userns));
        system.add(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run"]);
        for name in KERNEL {
            system.show(&Path::new("/proc").join(name));
        }
        for path in [
            "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt",
        ] {
            system.show_or_link(Path::new(path));
        }
        if Path::new("/nix/store").is_dir() {
            system.show(Path::new("/nix/store"));
        }
        for name in ETC {
            let path = Path::new("/etc").join(name);
            if path.exists() {
                system.show(&path);
            }
        }
        let own_etc = config.environments_dir.with_file_name(OWN_ETC);
        write_own_etc(&own_etc).map_err(|e| RunnerError::io("write", &own_etc, e))?;
        for name in ["passwd", "group", "hosts"] {
            system.bind(
                "--ro-bind",
                &own_etc.join(name),
                &Path::new("/etc").join(name),
            );
        }

        let mut tools = Options::default();
        let certificates = passed_through(config).map(|(_, value)| PathBuf::from(value));
        let search_path = std::env::split_paths(&config.search_path);
        let toolchains = toolchains(config).map(|(_, folder)| folder);
        let mut shown: Vec<PathBuf> = Vec::new();
        for path in toolchains.chain(search_path).chain(certificates) {
            let seen = shown.iter().any(|folder| path.starts_with(folder));
            if !seen && may_be_shown(&path, config) {
                tools.show(&path);
                shown.push(path);
            }
        }
        for path in &config.read_only_paths {
            if path.is_absolute() && path.exists() {
                tools.show(path);
            } else {
                tracing::warn!(path = %path.display(), "not shown in the sandbox: no such path");
            }
        }
        Ok(Some(Self {
            program: path.clone(),
            system,
            tools,
        }))
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The options for one command, as an open file that bubblewrap reads.
    pub(super) fn options(
        &self,
        folder: &Path,
        workspace: &Path,
        env: &BTreeMap<String, String>,
    ) -> io::Result<fs::File> {
        let mut own = Options::default();
        own.bind("--bind", &folder.join("tmp"), Path::new("/tmp"));
        own.add(["--symlink", "/tmp", "/var/tmp"]);
        own.bind("--bind", &folder.join("home"), Path::new(HOME));
        let mut last = Options::default();
        last.bind("--bind", &folder.join("workspace"), workspace);
        // The root is in memory; what is mounted on it keeps its own mode.
        last.add(["--remount-ro", "/"]);
        last.add([OsStr::new("--chdir"), workspace.as_os_str()]);
        for (name, value) in env {
            last.add(["--setenv", name, value]);
        }
        let mut file = fs::File::from(memfd_create("options", MemfdFlags::CLOEXEC)?);
        for part in [&self.system, &own, &self.tools, &last] {
            file.write_all(&part.encode()?)?;
        }
        file.rewind()?;
        Ok(file)
    }
}

/// Options of bubblewrap, in order.
#[derive(Debug, Default)]
struct Options(Vec<OsString>);

impl Options {
    fn add<T: AsRef<OsStr>>(&mut self, options: impl IntoIterator<Item = T>) {
        self.0
            .extend(options.into_iter().map(|option| option.as_ref().to_owned()));
    }

    fn bind(&mut self, how: &str, from: &Path, to: &Path) {
        self.add([OsStr::new(how), from.as_os_str(), to.as_os_str()]);
    }

    /// Shows a file or folder read-only under its own name, if it is still there by then.
    fn show(&mut self, path: &Path) {
        self.bind("--ro-bind-try", path, path);
    }

    /// As `show`; a symbolic link, as `/bin` often is, becomes the same link.
    fn show_or_link(&mut self, path: &Path) {
        match fs::read_link(path) {
            Ok(target) => self.bind("--symlink", &target, path),
            Err(_) if path.is_dir() => self.show(path),
            Err(_) => {}
        }
    }

    /// Options ending in a NUL each. A NUL inside of one would begin another option, of a
    /// repository's choosing: refused.
    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for option in &self.0 {
            if option.as_bytes().contains(&0) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a NUL character in a path or variable",
                ));
            }
            bytes.extend_from_slice(option.as_bytes());
            bytes.push(0);
        }
        Ok(bytes)
    }
}

/// Whether a folder of the server may be seen by commands because a program may need it: not when
/// it is, or has in it, somebody's home or the environments; no need when it is visible anyway.
fn may_be_shown(path: &Path, config: &RunnerConfig) -> bool {
    let Ok(real) = fs::canonicalize(path) else {
        return false;
    };
    let holds = |other: &Path| other.starts_with(&real) || other.starts_with(path);
    let system = [
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/opt",
        "/nix/store",
    ];
    path.is_absolute()
        && !system.iter().any(|folder| path.starts_with(folder))
        && !["/proc", "/sys", "/dev", "/run", "/etc/ssl/certs"]
            .iter()
            .any(|folder| path.starts_with(folder))
        && !holds(&config.environments_dir)
        && !holds(Path::new(HOME))
        && !config
            .server_env
            .get("HOME")
            .is_some_and(|home| holds(Path::new(home)))
}

/// The folders of toolchains that exist on this machine.
fn toolchains(config: &RunnerConfig) -> impl Iterator<Item = (&'static str, PathBuf)> {
    TOOLCHAINS.iter().filter_map(|&(variable, default)| {
        let named = config.server_env.get(variable).map(PathBuf::from);
        let folder = named.or_else(|| {
            let home = config.server_env.get("HOME")?;
            Some(Path::new(home).join(default?))
        })?;
        folder.is_dir().then_some((variable, folder))
    })
}

fn passed_through(config: &RunnerConfig) -> impl Iterator<Item = (&String, &String)> {
    config
        .passthrough_env
        .iter()
        .filter_map(|name| config.server_env.get_key_value(name))
}

/// The variables that all commands of all environments get.
pub(super) fn base_env(config: &RunnerConfig) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> =
        [("LANG", "C.UTF-8"), ("SHELL", "/bin/sh"), ("TERM", "dumb")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
    env.extend(passed_through(config).map(|(name, value)| (name.clone(), value.clone())));
    env.extend(
        toolchains(config)
            .filter_map(|(name, folder)| Some((name.to_owned(), folder.to_str()?.to_owned()))),
    );
    env.insert("PATH".to_owned(), config.search_path.clone());
    match config.sandbox {
        SandboxMode::Bubblewrap { .. } => {
            env.insert("HOME".to_owned(), HOME.to_owned());
            for name in ["USER", "LOGNAME"] {
                env.insert(name.to_owned(), "prebuild".to_owned());
            }
        }
        SandboxMode::None => {
            for name in ["USER", "LOGNAME"] {
                if let Some(user) = config.server_env.get(name) {
                    env.insert(name.to_owned(), user.clone());
                }
            }
        }
    }
    env
}

fn write_own_etc(folder: &Path) -> io::Result<()> {
    create_folder(folder)?;
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    for (name, content) in [
        (
            "passwd",
            format!(
                "root:x:0:0:root:/root:/bin/sh\nprebuild:x:{USER}:{USER}::{HOME}:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
            ),
        ),
        (
            "group",
            format!("root:x:0:\nprebuild:x:{USER}:\nnogroup:x:65534:\n"),
        ),
        (
            "hosts",
            format!("{}\n127.0.0.1 prebuild\n", hosts.trim_end()),
        ),
    ] {
        // A command that starts meanwhile in another server process sees the old or the new file.
        let new = folder.join(format!("{name}.new"));
        fs::write(&new, content)?;
        fs::rename(&new, folder.join(name))?;
    }
    Ok(())
}
