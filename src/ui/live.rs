//! The terminal's live region: below the printed lines stands what runs now, with its time.
//!
//! Nothing is drawn in the first 250 ms, so that a command with nothing to do leaves only its lines.

use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::board::{Board, Told};
use super::line::Line;
use super::plain::{StepOutput, stamped};
use super::region::Region;
use super::row::Row;
use super::{Look, Verbosity};
use crate::event::{Event, Facts};

const QUIET_START: Duration = Duration::from_millis(250);

/// How often the rows are drawn.
const FRAME: Duration = Duration::from_millis(125);

/// So much printed text makes a frame, however much more there is.
const LINES: usize = 64 << 10;

/// Draws until the senders are gone, then takes the region away.
pub async fn run(look: Look, mut events: Facts) {
    let mut display =
        Display { look, board: Board::default(), steps: StepOutput::default(), region: Region::default(), begun: Instant::now() };
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut lines = String::new();
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { break };
                lines += &display.take(&event);
                while lines.len() < LINES && let Some(event) = events.try_recv() {
                    lines += &display.take(&event);
                }
                if lines.is_empty() {
                    continue;
                }
            }
            _ = frames.tick() => {}
        }
        display.draw(&lines);
    }
    display.end();
}

struct Display {
    look: Look,
    board: Board,
    steps: StepOutput,
    region: Region,
    begun: Instant,
}

impl Display {
    /// The lines that an event leaves.
    fn take(&mut self, event: &Event) -> String {
        let Told { before, after } = self.board.take(event, Instant::now());
        let own = self.look.line(event).filter(|_| !moves_only(event, self.look.verbosity));
        let mut text: String =
            before.into_iter().map(|line| self.ended(line)).chain(own).chain(after).map(|line| self.print(&line)).collect();
        if self.look.verbosity > Verbosity::Normal {
            self.steps.take(event, |line| text += &stamped(&self.look, line));
        }
        text
    }

    fn ended(&self, line: Line) -> Line {
        Line { text: self.look.digests(line.text), ..line }
    }

    fn print(&self, line: &Line) -> String {
        stamped(&self.look, &line.print(self.look.style))
    }

    fn row(&self, row: Row, columns: usize) -> String {
        let parts = row.parts.into_iter().map(|part| self.look.digests(part)).collect();
        Row { parts, ..row }.print(self.look.style, columns)
    }

    fn draw(&mut self, lines: &str) {
        let (columns, height) = self.look.size();
        // the first lines stand alone: a command with nothing to do leaves nothing else
        let room = if self.begun.elapsed() < QUIET_START { 0 } else { (height - 1).max(1) };
        let rows = self.board.rows(Instant::now(), room);
        let rows = rows.into_iter().map(|row| self.row(row, columns)).collect();
        self.region.draw(lines, rows, (columns, height));
    }

    fn end(mut self) {
        let ended = self.board.end();
        let lines: String = ended.into_iter().map(|line| self.print(&self.ended(line))).collect();
        let size = self.look.size();
        self.region.draw(&lines, Vec::new(), size);
    }
}

/// Events that a person sees in the region and needs no line for.
fn moves_only(event: &Event, verbosity: Verbosity) -> bool {
    let is_row = matches!(
        event,
        Event::StepStarted { .. } | Event::ResourceProgressed { .. } | Event::Slow { .. } | Event::RepositoryFetching { .. }
    );
    verbosity <= Verbosity::Normal && is_row
}
