//! Slugs: names that Kubernetes, Helm and registries accept, made from any text exactly as werf 2 makes them.
//!
//! A valid name passes unchanged. Anything else is transliterated to `[a-z0-9-]`, cropped, and given `-` and the murmur3-32 hash (seed 0)
//! of the raw text in lower-case hex without zero padding, so that two texts which look alike stay apart.

use std::sync::Arc;

use super::config::meta::Deploy;
use crate::template::functions;
use crate::template::host::NoHost;
use crate::template::lexer::Delimiters;
use crate::template::value::Value;
use crate::template::{Options, Templates};

/// Longest docker tag.
pub const DOCKER_TAG_MAX: usize = 128;
/// Longest Kubernetes namespace (DNS-1123 label).
pub const NAMESPACE_MAX: usize = 63;
/// Longest Helm release name.
pub const RELEASE_MAX: usize = 53;
/// The length of werf's general slugs.
pub const DEFAULT_MAX: usize = 42;

/// A release or namespace name is unusable.
#[derive(Debug, Clone, PartialEq, thiserror::Error, miette::Diagnostic)]
pub enum SlugError {
    /// The name breaks Kubernetes' or Helm's rules and slugs are switched off for it, or it was given by hand.
    #[error("{what} `{name}` is not valid: {rule}")]
    Invalid {
        /// `release name` or `namespace`.
        what: &'static str,
        /// The name.
        name: String,
        /// Which rule it breaks.
        rule: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// The template of the name cannot be rendered.
    #[error("cannot render `{key}: {template}` of werf.yaml: {reason}")]
    Template {
        /// `deploy.helmRelease` or `deploy.namespace`.
        key: &'static str,
        /// The template as written.
        template: String,
        /// Why.
        reason: String,
        /// What to do.
        #[help]
        help: String,
    },
}

/// A release name that was given by hand, checked. `help` says how to give another one.
pub fn checked_release(name: &str, help: &str) -> Result<String, SlugError> {
    validated("release name", name, release_problem(name), help)
}

/// A namespace that was given by hand, checked. `help` says how to give another one.
pub fn checked_namespace(name: &str, help: &str) -> Result<String, SlugError> {
    validated("namespace", name, namespace_problem(name), help)
}

/// The release's name: `explicit` (a flag) if given, else the rendered `deploy.helmRelease`, slugged unless that is switched off.
pub fn release_name(deploy: &Deploy, project: &str, env: &str, namespace: &str, explicit: Option<&str>) -> Result<String, SlugError> {
    if let Some(name) = explicit.filter(|name| !name.is_empty()) {
        return checked_release(name, "pass another `--release`");
    }
    let key = "deploy.helmRelease";
    let values = [("project", project), ("env", env), ("namespace", namespace)];
    let name = render_name(key, deploy.helm_release.as_deref(), env, &values)?;
    match deploy.helm_release_slug {
        true => Ok(helm_release(&name)),
        false => {
            validated("release name", &name, release_problem(&name), "change `deploy.helmRelease`, or remove `helmReleaseSlug: false`")
        }
    }
}

/// The namespace's name: `explicit` (a flag) if given, else the rendered `deploy.namespace`, slugged unless that is switched off.
pub fn namespace_name(deploy: &Deploy, project: &str, env: &str, explicit: Option<&str>) -> Result<String, SlugError> {
    if let Some(name) = explicit.filter(|name| !name.is_empty()) {
        return checked_namespace(name, "pass another `--namespace`");
    }
    let key = "deploy.namespace";
    let name = render_name(key, deploy.namespace.as_deref(), env, &[("project", project), ("env", env)])?;
    match deploy.namespace_slug {
        true => Ok(kubernetes_namespace(&name)),
        false => validated("namespace", &name, namespace_problem(&name), "change `deploy.namespace`, or remove `namespaceSlug: false`"),
    }
}

/// A Helm release name: DNS-1123 subdomain of at most [`RELEASE_MAX`] bytes.
pub fn helm_release(name: &str) -> String {
    if name.is_empty() || release_problem(name).is_none() { name.to_owned() } else { hashed(name, RELEASE_MAX) }
}

/// A Kubernetes namespace: DNS-1123 label of at most [`NAMESPACE_MAX`] bytes.
pub fn kubernetes_namespace(name: &str) -> String {
    if name.is_empty() || namespace_problem(name).is_none() { name.to_owned() } else { hashed(name, NAMESPACE_MAX) }
}

/// A docker tag: `[A-Za-z0-9_][A-Za-z0-9_.-]*` of at most [`DOCKER_TAG_MAX`] bytes.
pub fn docker_tag(name: &str) -> String {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let valid = match name.as_bytes() {
        [] => true,
        [first, rest @ ..] => word(*first) && rest.iter().all(|byte| word(*byte) || matches!(byte, b'.' | b'-')),
    };
    if valid && name.len() <= DOCKER_TAG_MAX { name.to_owned() } else { hashed(name, DOCKER_TAG_MAX) }
}

/// A general slug of at most `max` bytes (werf's `LimitedSlug`). Texts that are slugs already pass, also those in werf's old form with one `--`.
pub fn limited_slug(text: &str, max: usize) -> String {
    let fits = text.len() <= max;
    let is_slug = || slugify(text) == text;
    // werf 1 made slugs with one double dash; making them again would rename what exists.
    let is_old_slug = || {
        text.matches("--").count() == 1 && {
            let single = text.replacen("--", "-", 1);
            slugify(&single) == single
        }
    };
    if text.is_empty() || (fits && (is_slug() || is_old_slug())) { text.to_owned() } else { hashed(text, max) }
}

/// Transliterates to `[a-z0-9-]`: unknown characters go, runs of dashes become one, none at the ends.
pub fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for replacement in text.chars().filter_map(transliterate) {
        match replacement {
            Replacement::Dash if slug.is_empty() || slug.ends_with('-') => {}
            Replacement::Dash => slug.push('-'),
            Replacement::Char(char) => slug.push(char),
            Replacement::Text(text) => slug.push_str(text),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// The murmur3 hash of 32 bits with seed 0, as werf writes it: lower-case hex without zero padding.
pub fn murmur3_hex(text: &str) -> String {
    format!("{:x}", murmur3_32(text.as_bytes()))
}

fn hashed(text: &str, max: usize) -> String {
    let hash = murmur3_hex(text);
    let mut slug = slugify(text);
    if slug.is_empty() {
        return hash;
    }
    // A crop may end in a dash, which gives a double dash: kept, as werf does, for names must not change.
    slug.truncate(max - hash.len() - 1);
    format!("{slug}-{hash}")
}

fn render_name(key: &'static str, template: Option<&str>, env: &str, values: &[(&'static str, &str)]) -> Result<String, SlugError> {
    let Some(template) = template else {
        // The defaults, `[[ project ]]-[[ env ]]` and without an environment `[[ project ]]`, need no engine.
        let project = values.iter().find(|(name, _)| *name == "project").map_or("", |(_, project)| project);
        return Ok(if env.is_empty() { project.to_owned() } else { format!("{project}-{env}") });
    };
    let fail = |reason: String| SlugError::Template {
        key,
        template: template.to_owned(),
        reason,
        help: format!("the template may use {}", values.iter().map(|(name, _)| format!("`[[ {name} ]]`")).collect::<Vec<_>>().join(", ")),
    };
    let mut table = functions::sprig();
    for (name, value) in values {
        let value = (*value).to_owned();
        table.add(name, move || value.clone());
    }
    let options = Options { delimiters: Delimiters { left: "[[".into(), right: "]]".into() }, ..Options::go(key) };
    let mut templates = Templates::new(Arc::new(table), options);
    templates.parse(key, template).map_err(|error| fail(error.message().to_owned()))?;
    let name = templates.execute(key, &Value::Nil, &NoHost).map_err(|error| fail(error.message()))?.shown().into_owned();
    match name.is_empty() {
        true => Err(fail("the name is empty".into())),
        false => Ok(name),
    }
}

fn validated(what: &'static str, name: &str, problem: Option<String>, help: &str) -> Result<String, SlugError> {
    match problem {
        None => Ok(name.to_owned()),
        Some(rule) => Err(SlugError::Invalid { what, name: name.to_owned(), rule, help: help.to_owned() }),
    }
}

fn release_problem(name: &str) -> Option<String> {
    let valid = name.split('.').all(is_label);
    match () {
        () if name.len() > RELEASE_MAX => Some(format!("it has {} characters, at most {RELEASE_MAX} are allowed", name.len())),
        () if !valid => Some("it must be lower-case letters, digits, `-` and `.`, with a letter or digit at each end".into()),
        () => None,
    }
}

fn namespace_problem(name: &str) -> Option<String> {
    match () {
        () if name.len() > NAMESPACE_MAX => Some(format!("it has {} characters, at most {NAMESPACE_MAX} are allowed", name.len())),
        () if !is_label(name) => Some("it must be lower-case letters, digits and `-`, with a letter or digit at each end".into()),
        () => None,
    }
}

/// Whether a text is a DNS-1123 label, its length apart.
fn is_label(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match text.as_bytes() {
        [] => false,
        [only] => inner(only),
        [first, middle @ .., last] => inner(first) && inner(last) && middle.iter().all(|byte| inner(byte) || *byte == b'-'),
    }
}

enum Replacement {
    Dash,
    Char(char),
    Text(&'static str),
}

fn transliterate(char: char) -> Option<Replacement> {
    if char.is_ascii_alphanumeric() {
        return Some(Replacement::Char(char.to_ascii_lowercase()));
    }
    let (text, _) = TRANSLITERATION.iter().find(|(_, chars)| chars.contains(char))?;
    Some(if *text == "-" { Replacement::Dash } else { Replacement::Text(text) })
}

/// What werf writes for each character outside `[A-Za-z0-9]`; whatever is not here is dropped.
const TRANSLITERATION: &[(&str, &str)] = &[
    ("-", " &()+,-./:;<=>[]_{}~＿～"),
    ("0", "⓪"),
    ("10", "⒑"),
    ("11", "⒒"),
    ("12", "⒓"),
    ("13", "⒔"),
    ("14", "⒕"),
    ("15", "⒖"),
    ("16", "⒗"),
    ("17", "⒘"),
    ("18", "⒙"),
    ("19", "⒚"),
    ("2", "²"),
    ("20", "⒛"),
    ("3", "³"),
    ("9", "⒐"),
    ("a", "ÀÁÂÃÄÅàáâãäåĀāĂăĄąǍǎǞǟǠǡǺǻȀȁȂȃȦȧȺɑАаᴀḀḁẚẠạẢảẤấẦầẨẩẪẫẬậẮắẰằẲẳẴẵẶặₐÅ⒜ⒶⓐＡａ"),
    ("aa", "Ꜳꜳ"),
    ("ac", "℀"),
    ("ae", "ÆæǢǣǼǽᴁᴂ"),
    ("af", "ꜺꜻꜼꜽ"),
    ("aj", "Ꜷꜷ"),
    ("ao", "Ꜵꜵ"),
    ("as", "℁"),
    ("av", "Ꜹꜹ"),
    ("b", "ßƀƁƄƅɃБбᴃḂḃḄḅḆḇℬ⒝ⒷⓑＢｂ"),
    ("c", "ÇçĆćĈĉĊċČčƇƈȻȼЦцᴄḈḉℂ℃℄⒞ⒸⓒＣｃ"),
    ("ch", "Чч"),
    ("co", "℅"),
    ("cu", "℆"),
    ("d", "ÐĎďĐđƉƊɗДдᴅᴆḊḋḌḍḎḏḐḑḒḓ⒟ⒹⓓＤｄ"),
    ("db", "ȸ"),
    ("dz", "ǄǅǆǱǲǳ"),
    ("e", "ÈÉÊËèéêëĒēĔĕĖėĘęĚěƐǝȄȅȆȇȨȩɆɇЭэᴇḔḕḖḗḘḙḚḛḜḝẸẹẺẻẼẽẾếỀềỂểỄễỆệₑ℮ℯ⒠ⒺⓔＥｅ"),
    ("f", "ƑƒФфḞḟ℉⒡ⒻⓕꜰＦｆ"),
    ("g", "ĜĝĞğĠġĢģƓǤǥǦǧǴǵɠɡɢГгḠḡℊ⒢ⒼⓖＧｇ"),
    ("h", "ĤĥĦħȞȟХхḢḣḤḥḦḧḨḩḪḫẖℋℌℍℎℏ⒣ⒽⓗＨｈ"),
    ("i", "ÌÍÎÏìíîïĨĩĪīĬĭĮįƖƗǏǐȈȉȊȋИиḬḭḮḯ⒤ⒾⓘＩｉ"),
    ("ij", "Ĳĳ"),
    ("j", "ĴĵǰȷɈɉЙйᴊ⒥ⒿⓙＪｊ"),
    ("k", "ĶķĸƘƙǨǩКкᴋḰḱḲḳḴḵK⒦ⓀⓚＫｋ"),
    ("l", "İıĹĺĻļĽľĿŀŁłȽȾЛлᴌḶḷḸḹḺḻḼḽ⒧ⓁⓛＬｌ"),
    ("lj", "Ǉǈǉ"),
    ("m", "ɱМмᴍḾḿṀṁṂṃ⒨ⓂⓜＭｍ"),
    ("n", "ÑñŃńŅņŇňŉŊŋƝƞǸǹȠНнᴎṄṅṆṇṈṉṊṋℕ⒩ⓃⓝＮｎ"),
    ("nd", "Ƌƌ"),
    ("nj", "Ǌǋǌ"),
    ("o", "ÒÓÔÕÖØðòóôõöøŌōŎŏŐőƟƠơǑǒǪǫǬǭǾǿȌȍȎȏȪȫȬȭȮȯȰȱɵОоᴏṌṍṎṏṐṑṒṓỌọỎỏỐốỒồỔổỖỗỘộỚớỜờỞởỠỡỢợₒ⒪ⓄⓞＯｏ"),
    ("oe", "Œœɶ"),
    ("p", "ƤƥПпṔṕṖṗ℗ℙ⒫ⓅⓟＰｐ"),
    ("px", "℞"),
    ("q", "ƼƽɊɋℚ⒬ⓆⓠＱｑ"),
    ("qp", "ȹ"),
    ("r", "ŔŕŖŗŘřƦȐȑȒȓɌɍРрṘṙṚṛṜṝṞṟℛℜℝ℟⒭ⓇⓡＲｒ"),
    ("s", "ŚśŜŝŞşŠšſƧƨƩȘșȿСсṠṡṢṣṤṥṦṧṨṩ⒮ⓈⓢꜱＳｓ"),
    ("sh", "Шш"),
    ("shch", "Щщ"),
    ("sm", "℠"),
    ("t", "ŢţŤťŦŧƪƫƬƭƮȚțТтṪṫṬṭṮṯṰṱẗ⒯ⓉⓣＴｔ"),
    ("tel", "℡"),
    ("th", "Þþ"),
    ("tm", "™"),
    ("u", "µÙÚÛÜùúûüŨũŪūŬŭŮůŰűŲųƯưƱƲǓǔǕǖǗǘǙǚǛǜȔȕȖȗɄУуṲṳṴṵṶṷṸṹṺṻỤụỦủỨứỪừỬửỮữỰự⒰ⓊⓤＵｕ"),
    ("v", "ɅВвṼṽṾṿ⒱ⓋⓥＶｖ"),
    ("w", "ŴŵƜɯẀẁẂẃẄẅẆẇẈẉẘ⒲ⓌⓦＷｗ"),
    ("x", "×ẊẋẌẍₓ⒳ⓍⓧＸｘ"),
    ("y", "ÝýÿŶŷŸȲȳɎɏЫыẎẏẙỲỳỴỵỶỷỸỹ⒴ⓎⓨＹｙ"),
    ("ya", "Яя"),
    ("ye", "Ее"),
    ("yo", "Ёё"),
    ("yu", "Юю"),
    ("z", "ŹźŻżŽžƵƶƷȤȥɀЗзẐẑẒẓẔẕℤ⒵ⓏⓩＺｚ"),
    ("zh", "Жж"),
];

/// Austin Appleby's MurmurHash3_x86_32 with seed 0.
fn murmur3_32(data: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |block: u32| block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (blocks, tail) = data.as_chunks::<4>();
    let mut hash = blocks
        .iter()
        .fold(0u32, |hash, block| (hash ^ scramble(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64));
    if !tail.is_empty() {
        hash ^= scramble(tail.iter().rev().fold(0, |block, byte| block << 8 | u32::from(*byte)));
    }
    hash ^= data.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur3_matches_published_vectors() {
        // Vectors of the reference implementation with seed 0.
        let cases =
            [("", 0), ("test", 0xba6b_d213), ("Hello, world!", 0xc036_3e43), ("The quick brown fox jumps over the lazy dog", 0x2e4f_f723)];
        for (text, hash) in cases {
            assert_eq!(murmur3_32(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn limited_slugs_are_those_of_werf() {
        let long = "x".repeat(43);
        let cases =
            [("", ""), ("data", "data"), ("A", "a-54dcf7ce"), (&long, &format!("{}-27e2f02f", "x".repeat(33))), ("one--two", "one--two")];
        for (text, slug) in cases {
            assert_eq!(limited_slug(text, DEFAULT_MAX), slug, "{text}");
        }
        // Nothing of the text is left: the hash alone.
        assert_eq!(limited_slug("ъ", DEFAULT_MAX), murmur3_hex("ъ"));
    }

    #[test]
    fn names_are_those_of_werf() {
        let check = |slug: fn(&str) -> String, text: &str, expect: &str| assert_eq!(slug(text), expect, "{text}");
        check(docker_tag, "Data_1.2-x", "Data_1.2-x");
        check(docker_tag, "-data", "data-a871d86e");
        check(docker_tag, "da/ta", "da-ta-afa96f8");
        check(docker_tag, &"x".repeat(129), &format!("{}-8cca70eb", "x".repeat(119)));
        check(helm_release, "data", "data");
        check(helm_release, "a.b-c", "a.b-c");
        check(helm_release, "-data", "data-a871d86e");
        check(helm_release, "da/ta", "da-ta-afa96f8");
        check(helm_release, &"x".repeat(54), &format!("{}-18c5dfb9", "x".repeat(44)));
        check(kubernetes_namespace, "da_ta", "da-ta-3b339d14");
        check(kubernetes_namespace, &"x".repeat(64), &format!("{}-afd4efcd", "x".repeat(54)));
    }

    #[test]
    fn slugify_collapses_and_trims() {
        let cases = [("--a__b  c..", "a-b-c"), ("Привет, Мир!", "privyet-mir"), ("²³™", "23tm"), ("!!!", "")];
        for (text, slug) in cases {
            assert_eq!(slugify(text), slug, "{text}");
        }
    }

    #[test]
    fn release_and_namespace_come_from_templates_flags_and_defaults() {
        let deploy = Deploy::default();
        assert_eq!(release_name(&deploy, "shop", "", "shop", None).as_deref(), Ok("shop"));
        assert_eq!(release_name(&deploy, "shop", "dev", "shop-dev", None).as_deref(), Ok("shop-dev"));
        assert_eq!(namespace_name(&deploy, "shop", "dev", None).as_deref(), Ok("shop-dev"));
        let deploy = Deploy {
            helm_release: Some("[[ namespace | trunc 6 ]]-app".into()),
            namespace: Some("[[env]]-ns".into()),
            ..Deploy::default()
        };
        assert_eq!(namespace_name(&deploy, "shop", "dev", None).as_deref(), Ok("dev-ns"));
        assert_eq!(release_name(&deploy, "shop", "dev", "dev-ns", None).as_deref(), Ok("dev-ns-app"));
        assert_eq!(release_name(&deploy, "shop", "dev", "dev-ns", Some("by-hand")).as_deref(), Ok("by-hand"));
    }

    #[test]
    fn bad_names_say_which_rule_and_what_to_do() {
        use miette::Diagnostic;
        let text = |error: SlugError| format!("{error}\nhelp: {}", error.help().map(|help| help.to_string()).unwrap_or_default());
        let deploy = Deploy {
            helm_release: Some("[[ projct ]]".into()),
            namespace: Some("Prod".into()),
            namespace_slug: false,
            ..Deploy::default()
        };
        insta::assert_snapshot!(text(release_name(&deploy, "shop", "", "x", None).unwrap_err()), @r#"
        cannot render `deploy.helmRelease: [[ projct ]]` of werf.yaml: function "projct" not defined
        help: the template may use `[[ project ]]`, `[[ env ]]`, `[[ namespace ]]`
        "#);
        insta::assert_snapshot!(text(namespace_name(&deploy, "shop", "", None).unwrap_err()), @r#"
        namespace `Prod` is not valid: it must be lower-case letters, digits and `-`, with a letter or digit at each end
        help: change `deploy.namespace`, or remove `namespaceSlug: false`
        "#);
        insta::assert_snapshot!(text(namespace_name(&deploy, "shop", "", Some(&"n".repeat(64))).unwrap_err()), @r#"
        namespace `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` is not valid: it has 64 characters, at most 63 are allowed
        help: pass another `--namespace`
        "#);
    }
}
