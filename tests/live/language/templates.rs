//! Random templates: every kind of action, nested, over what functions give.

use super::dice::Dice;
use super::expressions::{call, literal, operand};

const TEXTS: &[&str] = &["a", " ", "\n", "x: ", "\n  - ", "{", "}", "}}", " \n\t ", "é", "#", "<no value>", "\r\n", "0"];
const PLACES: &[&str] = &[
    ".",
    "$",
    "$x",
    "$y",
    ".a",
    ".a.b",
    "$.Values.m.a",
    "$.Values.m.a.b",
    "($.Values.m).a",
    "(index $.Values.m \"a\").b",
    "$.Values.s.a",
    "$.Values.nope.a",
    "(($.Values.nope).a).b",
    "$x.a",
    "$.Values.m.key.c",
    "(.)",
    "$.Values.nul.a",
    "$.Values.l.a",
    "$.Values.m2",
    "nil",
    "1",
    "$z",
];
/// What can be ranged over: nothing that has no end.
const RANGES: &[&str] = &[
    "$.Values.l",
    "$.Values.ls",
    "$.Values.m",
    "$.Values.m2",
    "(until 3)",
    "3",
    "0",
    "$.Values.s",
    "$.Values.f",
    "$.Values.nope",
    "nil",
    "(list)",
    "(dict \"b\" 1 \"a\" 2)",
    "true",
    "(split \",\" $.Values.s)",
    "-1",
    "\"\"",
];

/// What may stand where something is written.
#[derive(Clone, Copy)]
struct Room {
    depth: usize,
    in_loop: bool,
    /// Templates may be called: not from inside of one, so that there is an end.
    calls: bool,
}

/// A whole template over the values alone, with two definitions that it may use.
pub fn template(dice: &mut Dice<'_>) -> String {
    let room = Room { depth: 2, in_loop: false, calls: true };
    let defined = Room { depth: 1, calls: false, ..room };
    let main = body(dice, room);
    let (one, other) = (body(dice, defined), body(dice, defined));
    let define = |name: &str, body: &str| format!("{{{{ define \"{name}\" }}}}{{{{ $x := . }}}}{{{{ $y := 1 }}}}{body}{{{{ end }}}}");
    let main = format!("{{{{ define \"main\" }}}}{{{{ $x := $.Values.v }}}}{{{{ $y := 1 }}}}{main}{{{{ end }}}}");
    let call = "{{ include \"main\" (dict \"Values\" .Values) }}";
    format!("{}{}{main}{call}", define("one", &one), define("two", &other))
}

fn body(dice: &mut Dice<'_>, room: Room) -> String {
    dice.join(4, "", |dice| part(dice, room))
}

fn part(dice: &mut Dice<'_>, room: Room) -> String {
    let inner = Room { depth: room.depth.saturating_sub(1), ..room };
    match dice.roll(if room.depth == 0 { 8 } else { 13 }) {
        0 | 1 => dice.pick(TEXTS).to_owned(),
        2 => action(dice, |dice| dice.pick(PLACES).to_owned()),
        3 => action(dice, expression),
        4 => {
            let name = dice.pick(&["$x", "$y", "$z"]);
            let sign = if dice.one_in(2) { "=" } else { ":=" };
            action(dice, |dice| format!("{name} {sign} {}", expression(dice)))
        }
        5 if room.in_loop => {
            let word = dice.pick(&["break", "continue"]);
            let ends = action(dice, |_| word.to_owned());
            if dice.one_in(3) { ends } else { format!("{}{ends}{{{{ end }}}}", action(dice, |dice| format!("if {}", condition(dice)))) }
        }
        5 => {
            let comment = dice.pick(&["/* c */", "/**/", "/* a\n b */"]);
            let (left, right) = (dice.pick(&["{{", "{{- "]), dice.pick(&["}}", " -}}"]));
            format!("{left}{comment}{right}")
        }
        6 if room.calls => {
            let name = dice.pick(&["one", "two", "one", "none"]);
            let data = dice.pick(&["$", ".", "$.Values.m", ""]);
            action(dice, |_| format!("template \"{name}\" {data}"))
        }
        7 if room.calls => {
            let name = dice.pick(&["one", "two", "none"]);
            let end = dice.pick(&["", " | indent 2", " | quote", " | len", " | fromYaml | toJson"]);
            action(dice, |_| format!("include \"{name}\" ${end}"))
        }
        6 | 7 => action(dice, |dice| literal(&super::values::text(dice))),
        8 | 9 => {
            let word = dice.pick(&["if", "with", "with $y :=", "if $z :="]);
            let mut text = action(dice, |dice| format!("{word} {}", condition(dice))) + &body(dice, inner);
            if dice.one_in(3) {
                let other = if word.starts_with("with") { "else with" } else { "else if" };
                text += &(action(dice, |dice| format!("{other} {}", condition(dice))) + &body(dice, inner));
            }
            if dice.one_in(2) {
                text += &(action(dice, |_| "else".to_owned()) + &body(dice, inner));
            }
            text + &action(dice, |_| "end".to_owned())
        }
        10 | 11 => {
            let names = dice.pick(&["", "$x := ", "$x, $y := ", "$y, $z := ", "$x = ", "$x, $y = "]);
            let mut text = action(dice, |dice| format!("range {names}{}", dice.pick(RANGES)));
            text += &body(dice, Room { in_loop: true, ..inner });
            if dice.one_in(3) {
                text += &(action(dice, |_| "else".to_owned()) + &body(dice, inner));
            }
            text + &action(dice, |_| "end".to_owned())
        }
        _ => {
            let inside = body(dice, Room { calls: false, in_loop: false, ..inner });
            let name = format!("b{}", dice.roll(1000));
            format!("{{{{ block \"{name}\" . }}}}{{{{ $x := . }}}}{{{{ $y := 1 }}}}{inside}{{{{ end }}}}")
        }
    }
}

/// An action with any of the ways to trim.
fn action(dice: &mut Dice<'_>, inside: impl FnOnce(&mut Dice<'_>) -> String) -> String {
    let (left, right) = match dice.roll(8) {
        7 => ("{{- ", " -}}"),
        6 => ("{{- ", " }}"),
        5 => ("{{ ", " -}}"),
        4 => ("{{", "}}"),
        3 => ("{{\n", "\n}}"),
        _ => ("{{ ", " }}"),
    };
    format!("{left}{}{right}", inside(dice))
}

fn condition(dice: &mut Dice<'_>) -> String {
    match dice.roll(3) {
        0 => dice.pick(PLACES).to_owned(),
        1 => from_root(&operand(dice, 'b', 1)),
        _ => expression(dice),
    }
}

fn expression(dice: &mut Dice<'_>) -> String {
    from_root(&match dice.roll(3) {
        0 => operand(dice, 'a', 1),
        1 => call(dice, 1),
        _ => {
            let first = operand(dice, 'a', 1);
            let end = dice.pick(&[
                "quote",
                "toJson",
                "default 1",
                "not",
                "len",
                "print 1 2",
                "printf \"%v|%v\" 1",
                "index",
                "eq 1",
                "and 1",
                "or 0",
                "toYaml | nindent 2",
                "typeOf",
                "$x",
                "html",
            ]);
            format!("{first} | {end}")
        }
    })
}

/// Values are reached from everywhere through `$`.
fn from_root(text: &str) -> String {
    text.replace(".Values", "$.Values")
}
