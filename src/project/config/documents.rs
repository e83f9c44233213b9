//! The documents of a rendered werf.yaml, by the images that they are of.

use crate::yaml;

/// The documents that name an image, each with its names and its text without the separator. A nameless image has the name "".
/// What is no YAML has no names: whoever checks the configuration says so.
pub fn documents_of_images(text: &str) -> Vec<(Vec<String>, String)> {
    let mut documents = vec![String::new()];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])) {
            // content may follow the separator on its line
            Some(rest) => documents.push(rest.trim_start_matches([' ', '\t', '\r', '\n']).to_owned()),
            None => documents.iter_mut().last().into_iter().for_each(|document| document.push_str(line)),
        }
    }
    let names = |document: &String| -> Option<Vec<String>> {
        let parsed = yaml::parse_documents(document).ok()?;
        let image = parsed.first()?.get("image").or_else(|| parsed.first()?.get("artifact"))?;
        Some(match image.as_sequence() {
            Some(names) => names.iter().filter_map(|name| name.text().map(str::to_owned)).collect(),
            None if image.is_null() => vec![String::new()],
            None => image.text().map(str::to_owned).into_iter().collect(),
        })
    };
    documents.into_iter().filter_map(|document| Some((names(&document)?, document))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_by_their_images() {
        let text = "project: a\nconfigVersion: 1\n---\nimage: web # x\nfrom: a\n--- # next\nimage: [b, c]\nshell:\n  install: |\n    ---\n---\nimage: ~\n--- {image: d}\n---\n";
        let found = documents_of_images(text);
        let names: Vec<String> = found.iter().map(|(names, _)| names.join(",")).collect();
        assert_eq!(names, ["web", "b,c", "", "d"]);
        assert_eq!(found[0].1, "image: web # x\nfrom: a\n");
        assert_eq!(found[1].1, "# next\nimage: [b, c]\nshell:\n  install: |\n    ---\n");
    }
}
