//! The page "The terminal" has the screens of these tests.

use std::path::Path;
use std::sync::Mutex;

/// Tests run at once, and each of them may write its screen.
static WRITING: Mutex<()> = Mutex::new(());

/// The page shows this screen under this name, with usual things in the place of what differs. `UPDATE_DOCS=1` writes it there.
pub fn shows(name: &str, screen: &str) {
    let _alone = WRITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/terminal.md");
    let page = std::fs::read_to_string(&path).expect("docs/terminal.md");
    let begin = format!("<!-- screen: {name} -->\n```console\n");
    let (head, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("docs/terminal.md has no screen {name}"));
    let (_, tail) = rest.split_once("\n```\n").expect("the end of the screen");
    let mut screen = format!("{screen}\n")
        .replace("HOST", "registry.example.org")
        .replace("DIGEST…", "1f0c8b7a2d43…")
        .replace("ENDPOINT", "tcp://buildkit:1234");
    for (name, time) in [
        ("packages in T · T", "packages in 12s · 13s"),
        ("in T", "in 1.2 s"),
        ("after T", "after 1.2 s"),
        (", T", ", 14.2 s"),
        (" T", " 3s"),
    ] {
        screen = screen.split_inclusive('\n').map(|line| line.replace(&format!("{name}\n"), &format!("{time}\n"))).collect();
    }
    let screen = screen.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let made = format!("{head}{begin}{screen}\n```\n{tail}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("a page that can be written");
    }
    assert!(made == page, "docs/terminal.md shows another {name}: run this test with UPDATE_DOCS=1");
}
