//! What lies where files go: asked of the builder, and remembered of images that their digest names.

use serde_json::{Value, json};

use crate::file_tree::{bytes_of_text, text_of_bytes};
use crate::images::buildkit::{Bridge, Made, SolveError, Stat};
use crate::images::git_layers::LayerCache;
use crate::images::image::ground::{Answer, Found, Ground, Kind, Look, Question};

/// Answers what is remembered; whether that is all.
pub fn recall(cache: &dyn LayerCache, look: &Look, ground: &mut Ground) -> bool {
    let Some(state) = image_of(look) else { return false };
    let recalled = look.questions.iter().map(|question| {
        let record = cache.get(&key(state, question))?;
        Some((question.clone(), decode(&serde_json::from_slice(&record).ok()?)?))
    });
    let recalled: Option<Vec<(Question, Answer)>> = recalled.collect();
    let Some(recalled) = recalled else { return false };
    recalled.into_iter().for_each(|(question, answer)| ground.learn(state, question, answer));
    true
}

/// Asks the builder, and remembers what is true for ever.
pub async fn learn(bridge: &Bridge, made: &Made, look: &Look, cache: &dyn LayerCache, ground: &mut Ground) -> Result<(), SolveError> {
    let state = look.state.digest().unwrap_or_default();
    for question in &look.questions {
        let answer = match question {
            Question::Entry { directory, name } => entries(bridge.read_dir(made, directory, Some(name)).await?),
            Question::Children { directory } => entries(bridge.read_dir(made, directory, None).await?),
            Question::File { path } => Answer::File(bridge.read_file(made, path).await?),
        };
        if let Some(image) = image_of(look) {
            cache.put(&key(image, question), encode(&answer).to_string().as_bytes());
        }
        ground.learn(state, question.clone(), answer);
    }
    Ok(())
}

/// The state's digest, if it is an image of a registry by its digest: what is in it is true for ever.
fn image_of(look: &Look) -> Option<&str> {
    (look.state.marshal().vertices().count() == 1).then(|| look.state.digest()).flatten()
}

fn entries(stats: Option<Vec<Stat>>) -> Answer {
    let found = |stat: Stat| Found {
        mode: stat.permissions(),
        kind: match (stat.is_dir(), stat.is_link()) {
            (true, _) => Kind::Directory,
            (_, true) => Kind::Link(stat.link),
            _ => Kind::Other,
        },
        name: stat.name,
        uid: stat.uid,
        gid: stat.gid,
    };
    Answer::Entries(stats.unwrap_or_default().into_iter().map(found).collect())
}

fn key(state: &str, question: &Question) -> [u8; 32] {
    let (kind, one, two) = match question {
        Question::Entry { directory, name } => ("entry", directory.as_str(), name.as_str()),
        Question::Children { directory } => ("children", directory.as_str(), ""),
        Question::File { path } => ("file", path.as_str(), ""),
    };
    let mut hasher = blake3::Hasher::new_derive_key("werf ground v1");
    for part in [state, kind, one, two] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize().into()
}

fn encode(answer: &Answer) -> Value {
    let entry = |found: &Found| {
        let (directory, link) = match &found.kind {
            Kind::Directory => (true, None),
            Kind::Link(target) => (false, Some(target)),
            Kind::Other => (false, None),
        };
        json!([found.name, directory, link, found.mode, found.uid, found.gid])
    };
    match answer {
        Answer::Entries(found) => found.iter().map(entry).collect(),
        Answer::File(bytes) => json!({ "file": bytes.as_ref().map(|bytes| text_of_bytes(bytes)) }),
    }
}

fn decode(record: &Value) -> Option<Answer> {
    let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let entry = |entry: &Value| {
        let kind = match (entry[1].as_bool()?, entry[2].as_str()) {
            (true, _) => Kind::Directory,
            (false, Some(target)) => Kind::Link(target.to_owned()),
            (false, None) => Kind::Other,
        };
        let name = entry[0].as_str()?.to_owned();
        Some(Found { name, kind, mode: number(&entry[3])?, uid: number(&entry[4])?, gid: number(&entry[5])? })
    };
    match record {
        Value::Array(entries) => Some(Answer::Entries(entries.iter().map(entry).collect::<Option<_>>()?)),
        record => match record.get("file")? {
            Value::Null => Some(Answer::File(None)),
            file => Some(Answer::File(Some(bytes_of_text(file.as_str()?).into_owned()))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_remembered_as_they_were() {
        let found = |name: &str, kind| Found { name: name.into(), kind, mode: 0o2750, uid: 5, gid: 70_000 };
        let entries = vec![found("d", Kind::Directory), found("l", Kind::Link("../x".into())), found("n\u{10FFEF}", Kind::Other)];
        for answer in [Answer::Entries(entries), Answer::Entries(Vec::new()), Answer::File(None), Answer::File(Some(b"a\xff\n".to_vec()))] {
            let text = encode(&answer).to_string();
            assert_eq!(decode(&serde_json::from_str(&text).unwrap()), Some(answer), "{text}");
        }
        for broken in ["{}", "[[1]]", "null", "[[\"a\",true,null,-1,0,0]]"] {
            assert_eq!(decode(&serde_json::from_str(broken).unwrap()), None, "{broken}");
        }
    }
}
