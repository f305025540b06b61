//! Where prebuilds, snapshots and tokens of this machine lie.

use std::path::PathBuf;

use etcetera::BaseStrategy;

use crate::failure::Failure;

/// The option for it, in every command that may work on the folder.
#[derive(Debug, clap::Args)]
pub(crate) struct DataDirArgs {
    /// The data folder of this machine [default: prebuilds in the platform's folder for the data of
    /// applications, like ~/.local/share/prebuilds]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDirArgs {
    /// Whether the folder was named.
    pub(crate) fn is_given(&self) -> bool {
        self.data_dir.is_some()
    }

    /// The folder to use, as an absolute path.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        let path = match &self.data_dir {
            Some(path) => path.clone(),
            None => etcetera::base_strategy::choose_native_strategy()
                .map_err(|error| {
                    Failure::failed(format!(
                        "the usual data folder is not known ({error}): name one with --data-dir"
                    ))
                })?
                .data_dir()
                .join("prebuilds"),
        };
        std::path::absolute(&path).map_err(|error| {
            Failure::usage(format!(
                "--data-dir {} cannot be used: {error}",
                path.display()
            ))
        })
    }
}
