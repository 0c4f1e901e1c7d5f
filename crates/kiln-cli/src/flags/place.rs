//! Where a run goes, and what is printed.

use std::path::PathBuf;

use clap::Args;

/// Where the settings of a run come from, and where the run goes. These are not settings themselves.
#[derive(Args, Debug)]
#[command(next_help_heading = "Run folder")]
pub(crate) struct PlaceFlags {
    /// Folder for the run [default: runs/<model>-<data>-<time>]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace an existing run
    #[arg(long)]
    pub(crate) force: bool,
    /// TOML file with settings, such as the config.toml of a run; flags override it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct OutputFlags {
    /// Print the result as JSON
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print neither progress nor summary
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
}
