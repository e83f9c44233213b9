//! With `--debug` a failure is also told in Helm's words, those of the version whose ways are followed.

use std::process::Command;

use crate::sandbox::Sandbox;
use crate::testbed::{Needs, testbed};

const HELPERS: &str = "{{ define \"deep\" }}{{ .Values.image.none.tag }}{{ end }}\n{{ define \"refused\" }}{{ fail \"no, thanks\" }}{{ end }}\n\
                       {{ define \"conv\" }}{{ toDate \"2006\" 1 | required \"x\" }}{{ end }}\n";

#[test]
fn failures_are_told_in_helms_words() {
    let bin = &testbed(Needs::Images).bin;
    let broken = [
        "{{ include \"deep\" . }}",
        "{{ include \"refused\" . }}",
        "{{ fail \"at once\" }}",
        "{{ required \"wanted\" .Values.absent }}",
        "a: {{ tpl \"{{ .Values.image.none.tag }}\" . }}",
        "{{ include \"absent\" . }}",
        "{{ template \"absent\" . }}",
        "a: {{ .Values.image.tag.more }}",
        "{{ index .Values.list 7 }}",
        "{{ if }}",
        "{{ absent 1 }}",
        "{{ define \"x\" }}",
        "{{ include \"conv\" . }}",
    ];
    for text in broken {
        let sandbox = Sandbox::empty();
        sandbox.write(&[
            ("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n"),
            ("app/values.yaml", "image: {tag: v1}\nlist: [1]\n"),
            ("app/templates/_helpers.tpl", HELPERS),
            ("app/templates/a.yaml", text),
        ]);
        for (program, compat) in [("helm3", "3"), ("helm", "4")] {
            let printed = |mut command: Command, flags: &[&str]| {
                command.args(["template", "app"]).args(flags).current_dir(sandbox.app()).env("KUBECONFIG", "/dev/null");
                let output = command.output().expect("it runs");
                assert_eq!(output.status.code(), Some(1), "{text}");
                String::from_utf8(output.stderr).expect("text")
            };
            let theirs = printed(Command::new(bin.join(program)), &[]);
            let theirs =
                theirs.trim_start_matches("Error: ").trim_end().trim_end_matches("Use --debug flag to render out invalid YAML").trim_end();
            let ours = printed(sandbox.command(&["helm"]), &["--debug", "--helm-compat", compat]);
            let words = ours.split_once(&format!("Helm {compat} says: ")).map(|(_, words)| words.trim_end());
            assert_eq!(words, Some(theirs), "{text}\n{ours}");
        }
    }
}
