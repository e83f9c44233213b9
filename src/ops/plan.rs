//! `werf plan`: what `converge` would change in the cluster.

use super::Run;
use super::converge::{self, Options};
use crate::deploy::plan;
pub use crate::deploy::plan::Shown;
use crate::error::Result;

/// A printed plan.
pub struct Printed {
    /// Text or JSON.
    pub text: String,
    /// Whether anything would change.
    pub changes: bool,
}

/// Makes and prints the plan. Nothing is built: images are taken for published.
pub async fn run(options: Options, json: bool, shown: Shown, run: Run) -> Result<Printed> {
    let ready = converge::planned(&options, &run).await?;
    let plan = ready.prepared.plan.as_carried_out(options.deploy.final_tracking);
    options.graphs.of_deployment(&plan)?;
    let text = if json { format!("{:#}\n", plan::to_json(&plan, &shown)) } else { plan::to_text(&plan, &shown) };
    Ok(Printed { text, changes: !plan.is_empty() })
}
