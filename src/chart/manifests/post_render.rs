//! What Helm 4 gives to a post-renderer, and what it makes of the answer.
//!
//! The documents of all templates, hooks included, are one text; each names its template in an annotation. The answer is taken apart
//! by these annotations, and what has none gets a file of its own. Documents are printed anew: the data and the order of keys stay,
//! comments and quotation marks do not.

use super::manifest::split;
use crate::chart::compat::HelmCompat;
use crate::chart::render::context::is_partial;
use crate::chart::render::output::Output;
use crate::chart::values::error::RenderError;
use crate::yaml::{self, Emitter, Node, NodeValue, YamlError};

/// The annotation with the template's path.
const TEMPLATE: &str = "postrenderer.helm.sh/postrender-filename";

/// The text that the post-renderer reads. `files` are sorted by path.
pub fn merge(files: &[Output]) -> Result<String, RenderError> {
    let mut documents = Vec::new();
    for file in files.iter().filter(|file| !is_partial(&file.path)) {
        let text = yaml::text(file.text.as_bytes());
        let text = text.map_err(|cause| RenderError::NotToPostRender { path: file.path.clone(), problem: cause.to_string() })?;
        for text in split(text, HelmCompat::Four) {
            let read = yaml::parse_documents(text);
            let read = read.map_err(|cause| RenderError::NotToPostRender { path: file.path.clone(), problem: cause.to_string() })?;
            for mut document in read.into_iter().filter(|document| !document.is_null()) {
                let annotations = entry(&mut document, "metadata").and_then(|metadata| entry(metadata, "annotations"));
                let Some(NodeValue::Mapping(entries)) = annotations.map(|annotations| &mut annotations.value) else {
                    let problem = "a document, its metadata or its annotations are no mapping".to_owned();
                    return Err(RenderError::NotToPostRender { path: file.path.clone(), problem });
                };
                entries.retain(|(key, _)| key.text() != Some(TEMPLATE));
                entries.push((Node::of_text(TEMPLATE), Node::of_text(&file.path)));
                documents.push(document);
            }
        }
    }
    printed(&documents).map_err(|cause| RenderError::PostRendered { problem: format!("what cannot be printed again: {cause}") })
}

/// The files of what the post-renderer wrote, sorted by path.
pub fn take_apart(text: &str) -> Result<Vec<Output>, RenderError> {
    let wrong = |problem: String| RenderError::PostRendered { problem };
    if text.trim().is_empty() {
        return Err(wrong("nothing".to_owned()));
    }
    let read = yaml::parse_documents(text).map_err(|cause| wrong(format!("what is no YAML: {cause}")))?;
    let mut files: Vec<(String, Vec<Node>)> = Vec::new();
    for (index, mut document) in read.into_iter().filter(|document| !document.is_null()).enumerate() {
        if document.as_mapping().is_none() {
            return Err(wrong(format!("{} where a manifest is expected (line {})", document.kind(), document.line)));
        }
        let path = take_template(&mut document).unwrap_or_else(|| format!("generated-by-postrender-{index}.yaml"));
        match files.iter_mut().find(|(known, _)| *known == path) {
            Some((_, documents)) => documents.push(document),
            None => files.push((path, vec![document])),
        }
    }
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    let output = |(path, documents): (String, Vec<Node>)| match printed(&documents) {
        Ok(text) => Ok(Output::new(path, text)),
        Err(cause) => Err(wrong(format!("what is no manifest: {cause}"))),
    };
    files.into_iter().map(output).collect()
}

/// The mapping under a key, which is made where it is missing. `None` where something else is there.
pub(in crate::chart) fn entry<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    let NodeValue::Mapping(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|(key, _)| key.text() == Some(name)).unwrap_or_else(|| {
        entries.push((Node::of_text(name), Node::of_entries(Vec::new())));
        entries.len() - 1
    });
    let value = &mut entries[at].1;
    if value.is_null() {
        *value = Node::of_entries(Vec::new());
    }
    value.as_mapping().is_some().then_some(value)
}

/// Takes the annotation out of a document, and what is empty without it.
fn take_template(document: &mut Node) -> Option<String> {
    fn take(node: &mut Node, path: &[&str]) -> Option<Node> {
        let NodeValue::Mapping(entries) = &mut node.value else { return None };
        let at = entries.iter().position(|(key, _)| key.text() == Some(path[0]))?;
        if path.len() == 1 {
            return Some(entries.remove(at).1);
        }
        let taken = take(&mut entries[at].1, &path[1..])?;
        if entries[at].1.as_mapping().is_some_and(<[_]>::is_empty) {
            entries.remove(at);
        }
        Some(taken)
    }
    take(document, &["metadata", "annotations", TEMPLATE])?.text().map(ToOwned::to_owned)
}

pub(in crate::chart) fn printed(documents: &[Node]) -> Result<String, YamlError> {
    let texts = documents.iter().map(|document| {
        let mut emitter = Emitter::new();
        emitter.node(document)?;
        Ok(emitter.finish())
    });
    Ok(texts.collect::<Result<Vec<_>, YamlError>>()?.join("---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Output {
        Output::new(path, text)
    }

    fn taken_apart(text: &str) -> Vec<(String, String)> {
        take_apart(text).unwrap().into_iter().map(|file| (file.path, file.text.as_str().unwrap().to_owned())).collect()
    }

    const MERGED: &str = "\
kind: Service
metadata:
  name: a
  annotations:
    postrenderer.helm.sh/postrender-filename: c/templates/a.yaml
spec:
  b: 0755
  a: \"1\"
  list:
  - ~
  - null
---
kind: A
metadata:
  annotations:
    postrenderer.helm.sh/postrender-filename: c/templates/a.yaml
---
metadata:
  annotations:
    x: z
    postrenderer.helm.sh/postrender-filename: c/templates/h.yaml
kind: B
";

    #[test]
    fn documents_carry_the_path_of_their_template() {
        let files = [
            file("c/templates/_a.tpl", "kind: Partial"),
            file(
                "c/templates/a.yaml",
                "# why\nkind: Service\nmetadata: {name: a}\nspec:\n  b: 0755\n  a: '1'\n  list:\n    - ~\n    -\n---\n# nothing\n---\nkind: A",
            ),
            file("c/templates/blank.yaml", "\n"),
            file("c/templates/h.yaml", "metadata:\n  annotations: {x: z, postrenderer.helm.sh/postrender-filename: old}\nkind: B"),
        ];
        assert_eq!(merge(&files).unwrap(), MERGED);
        let expect = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let expected = [
            expect(
                "c/templates/a.yaml",
                "kind: Service\nmetadata:\n  name: a\nspec:\n  b: 0755\n  a: \"1\"\n  list:\n  - ~\n  - null\n---\nkind: A\n",
            ),
            expect("c/templates/h.yaml", "metadata:\n  annotations:\n    x: z\nkind: B\n"),
        ];
        assert_eq!(taken_apart(MERGED), expected);
    }

    #[test]
    fn what_has_no_template_gets_a_file_of_its_own() {
        let files = taken_apart("---\n---\nkind: A\n---\nkind: B\n");
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        assert_eq!(files, [file("generated-by-postrender-0.yaml", "kind: A\n"), file("generated-by-postrender-1.yaml", "kind: B\n")]);
    }

    #[test]
    fn what_is_no_manifest_is_an_error() {
        let cases = [
            (" \n", "the post-renderer wrote nothing"),
            ("a: b: c", "the post-renderer wrote what is no YAML: mapping values are not allowed in this context (line 1, column 5)"),
            ("kind: A\n---\n- 1\n", "the post-renderer wrote a list where a manifest is expected (line 3)"),
        ];
        for (text, expected) in cases {
            assert_eq!(take_apart(text).unwrap_err().to_string(), expected);
        }
        let of = |text: &str| merge(&[file("c/templates/a.yaml", text)]).unwrap_err().to_string();
        assert_eq!(
            of("metadata: 1"),
            "c/templates/a.yaml cannot be given to the post-renderer: a document, its metadata or its annotations are no mapping"
        );
    }
}
