//! Where a run goes, and what is printed.

use std::path::PathBuf;

use clap::Args;

/// Where the settings of a run come from, and where the run goes. These are not settings themselves.
#[derive(Args, Debug)]
#[command(next_help_heading = "Run")]
pub(crate) struct PlaceFlags {
    /// Folder to create for the run [default: runs/<model>-<data>-<time>]
    #[arg(long, value_name = "DIR", alias = "output")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the run in that folder, if there is one
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
    /// Print errors only, and the JSON of --json
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
}
