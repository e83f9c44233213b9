//! Parts of a log that a CI system folds: the images, the deployment. What a person must see stands outside of them.

use crate::event::Event;

/// Whose marks a log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folds {
    /// `::group::` of GitHub Actions (<https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>).
    GitHub,
    /// `section_start` of GitLab CI (<https://docs.gitlab.com/ci/jobs/job_logs/>).
    GitLab,
}

/// Where a log is.
#[derive(Debug)]
pub struct Folding {
    system: Option<Folds>,
    /// The part that is open, and its name for GitLab, where no two may have the same.
    open: Option<(&'static str, String)>,
    begun: usize,
}

impl Folding {
    /// Outside of all parts.
    pub fn new(system: Option<Folds>) -> Self {
        Folding { system, open: None, begun: 0 }
    }

    /// The marks before the line of an event. `now` is in seconds since 1970.
    pub fn before(&mut self, event: &Event, now: i64) -> String {
        match part_of(event) {
            Part::Same => String::new(),
            Part::Of(title) if self.open.as_ref().is_some_and(|(open, _)| *open == title) => String::new(),
            Part::Of(title) => self.end(now) + &self.begin(title, now),
            Part::Outside => self.end(now),
        }
    }

    fn begin(&mut self, title: &'static str, now: i64) -> String {
        let Some(system) = self.system else { return String::new() };
        self.begun += 1;
        let name = format!("werf_{}_{}", title.to_lowercase(), self.begun);
        let mark = match system {
            Folds::GitHub => format!("::group::{title}\n"),
            Folds::GitLab => format!("\x1b[0Ksection_start:{now}:{name}[collapsed=true]\r\x1b[0K{title}\n"),
        };
        self.open = Some((title, name));
        mark
    }

    /// The mark that ends the part that is open.
    pub fn end(&mut self, now: i64) -> String {
        match (self.system, self.open.take()) {
            (Some(Folds::GitHub), Some(_)) => "::endgroup::\n".to_owned(),
            (Some(Folds::GitLab), Some((_, name))) => format!("\x1b[0Ksection_end:{now}:{name}\r\x1b[0K\n"),
            _ => String::new(),
        }
    }
}

enum Part {
    /// Wherever the log is.
    Same,
    Of(&'static str),
    Outside,
}

fn part_of(event: &Event) -> Part {
    match event {
        Event::ImageFound { .. }
        | Event::ImageCopied { .. }
        | Event::ImageMissing { .. }
        | Event::BuilderReady { .. }
        | Event::StepStarted { .. }
        | Event::StepCached { .. }
        | Event::StepProgressed { .. }
        | Event::StepPrinted { .. }
        | Event::StepDone { .. }
        | Event::ImagePublished { .. }
        | Event::ImageTagged { .. } => Part::Of("Images"),
        Event::ResourceApplied { .. }
        | Event::ResourceProgressed { .. }
        | Event::ResourceReady { .. }
        | Event::ResourceTold { .. }
        | Event::PodPrinted { .. } => Part::Of("Deployment"),
        Event::ImageDeleted { .. } => Part::Of("Cleanup"),
        Event::Slow { .. }
        | Event::SlowOver { .. }
        | Event::TryingAgain { .. }
        | Event::StepFailed { .. }
        | Event::ChartFetched { .. }
        | Event::RepositoryFetching { .. }
        | Event::RepositoryFetched { .. }
        | Event::ContentFetched { .. }
        | Event::HistoryFetched { .. } => Part::Same,
        _ => Part::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(system: Option<Folds>) -> String {
        let mut folding = Folding::new(system);
        let missing = || Event::ImageMissing { image: "a".into(), reference: "r".into() };
        let events = [
            missing(),
            Event::Slow { whom: "r.io".into(), doing: "push".into(), since: std::time::Duration::ZERO },
            missing(),
            Event::Warned { message: "look".into(), help: None },
            missing(),
            Event::ResourceApplied { resource: "Job/a".into(), verb: "created" },
        ];
        let marks: String = events.iter().map(|event| format!("{}.\n", folding.before(event, 7))).collect();
        marks + &folding.end(8)
    }

    #[test]
    fn parts_open_and_end_and_warnings_stand_outside() {
        assert_eq!(marks(None), ".\n".repeat(6));
        let (images, end) = ("::group::Images\n", "::endgroup::\n");
        assert_eq!(marks(Some(Folds::GitHub)), format!("{images}.\n.\n.\n{end}.\n{images}.\n{end}::group::Deployment\n.\n{end}"));
        let start = |name: &str, title: &str| format!("\x1b[0Ksection_start:7:{name}[collapsed=true]\r\x1b[0K{title}\n");
        let end = |now: i64, name: &str| format!("\x1b[0Ksection_end:{now}:{name}\r\x1b[0K\n");
        let expect = [
            start("werf_images_1", "Images"),
            ".\n.\n.\n".into(),
            end(7, "werf_images_1"),
            ".\n".into(),
            start("werf_images_2", "Images"),
            ".\n".into(),
            end(7, "werf_images_2"),
            start("werf_deployment_3", "Deployment"),
            ".\n".into(),
            end(8, "werf_deployment_3"),
        ];
        assert_eq!(marks(Some(Folds::GitLab)), expect.concat());
    }
}
