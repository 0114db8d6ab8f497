//! Who wins over whom, and what a wrong value is answered with.

use std::path::Path;

use super::*;

const PATH: &str = "lake.toml";

fn read(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Settings, String> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let flags = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let raw = Raw::merge(flags, environment, Some((Path::new(PATH), file)));
    raw.and_then(|raw| Settings::check(&raw)).map_err(|error| error.to_string())
}

fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
    read(file, environment, &[]).err().expect("refused")
}

#[test]
fn the_defaults_are_allowed_themselves() {
    let settings = read("", &[], &[]).expect("the defaults");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:9000");
    assert_eq!(settings.region.as_str(), "us-east-1");
    assert_eq!(settings.engine, EngineSettings::S3);
    assert_eq!(settings.sweep, SweepSettings::DEFAULT);
    assert_eq!(settings.history, engine::HistorySettings::DEFAULT);
    assert_eq!(format!("{:?}", settings.limits), format!("{:?}", Limits::default()));
    assert!(settings.tls.is_none() && settings.root.is_none() && settings.domains.is_empty());
    assert!(settings.master_key_file.is_none() && settings.sites.is_empty());
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    let file = "region = \"file-1\"\nlisten = \"127.0.0.1:1\"\ndata_dir = \"from-file\"\n[log]\nlevel = \"debug\"\n";
    let environment = [("TWINLAKE_REGION", "env-1"), ("TWINLAKE_LISTEN", "127.0.0.1:2")];
    let settings = read(file, &environment, &[("region", "flag-1")]).expect("allowed");
    assert_eq!(settings.region.as_str(), "flag-1");
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.data_dir, Path::new("from-file"));
    assert_eq!(settings.log_level, tracing::Level::DEBUG);
    assert_eq!(settings.log_format, LogFormat::Text);
}

#[test]
fn an_empty_variable_is_no_variable() {
    let settings = read("region = \"file-1\"", &[("TWINLAKE_REGION", "")], &[]).expect("allowed");
    assert_eq!(settings.region.as_str(), "file-1");
}

#[test]
fn what_nobody_knows_is_refused_by_its_name() {
    assert_eq!(refusal("lisen = 1", &[]), "`lisen` in the configuration file `lake.toml` is no setting; `listen` is");
    assert_eq!(refusal("[tls]\nseal = 1", &[]), "`tls.seal` in the configuration file `lake.toml` is no setting");
    assert!(refusal("[harbour]\nships = 1", &[]).starts_with("`harbour` in "));
    assert!(refusal("root_secret_key = \"0123456789abcdef\"", &[]).contains("from the environment only"));
    let environment = vec![("TWINLAKE_PORT".to_owned(), "tcp://10.0.0.1:9000".to_owned())];
    let raw = Raw::merge(Vec::new(), environment, None).expect("only remarked upon");
    assert_eq!(raw.unknown_variables, ["TWINLAKE_PORT"]);
}

#[test]
fn a_wrong_value_is_refused_with_its_setting_its_origin_and_what_is_allowed() {
    let file_says = "the configuration file `lake.toml`";
    assert_eq!(
        refusal("", &[("TWINLAKE_SWEEP_BATCH", "0")]),
        "`sweep.batch` is `0` (the environment variable TWINLAKE_SWEEP_BATCH); allowed: 1 to 10000"
    );
    assert_eq!(
        refusal("[log]\nformat = \"xml\"", &[]),
        format!("`log.format` is `xml` ({file_says}); allowed: text or json")
    );
    assert_eq!(
        refusal("region = 1.5", &[]),
        format!("`region` is a float ({file_says}); allowed: 1 to 32 of a-z, 0-9 and -")
    );
    for (key, value) in [
        ("listen", "localhost"),
        ("listen", "127.0.0.1"),
        ("region", "EU"),
        ("domain", "Lake.Example"),
        ("domain", "10.0.0.1"),
        ("domain", "a..b"),
        ("log.level", "loud"),
        ("objects.inline_bytes_max", "-1"),
        ("objects.inline_bytes_max", "1048577"),
        ("catalogue.cache_bytes", "many"),
    ] {
        let setting = SETTINGS.iter().find(|setting| setting.key == key).expect("a setting");
        let message = refusal("", &[(&setting.variable(), value)]);
        assert!(message.starts_with(&format!("`{key}` is `{value}` (")), "{message}");
        assert!(message.ends_with(&setting.allowed.to_string()), "{message}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_refused_by_line_and_does_not_repeat_it() {
    let message = refusal("region = \"a\"\nsecret ?? \"hush\"", &[]);
    assert!(message.starts_with("the configuration file `lake.toml` is no TOML: line 2: "), "{message}");
    assert!(!message.contains("hush"), "{message}");
}

#[test]
fn lists_come_as_arrays_or_parted_by_commas() {
    let file = read("domain = [\"a.example\", \"b.example\"]", &[], &[]).expect("allowed");
    let variable = read("", &[("TWINLAKE_DOMAIN", "a.example, b.example,")], &[]).expect("allowed");
    assert_eq!(file.domains, ["a.example", "b.example"]);
    assert_eq!(variable.domains, file.domains);
}

#[test]
fn a_name_is_of_buckets_or_of_websites() {
    let names = |website| [("TWINLAKE_DOMAIN", "s3.example"), ("TWINLAKE_WEBSITE_DOMAIN", website)];
    let settings = read("", &names("web.example,web.s3.example"), &[]).expect("allowed");
    assert_eq!(settings.website_domains, ["web.example", "web.s3.example"]);
    assert!(refusal("", &names("web.example,s3.example")).starts_with("`website_domain` is "));
    assert!(refusal("", &names("Web.example")).starts_with("`website_domain` is "));
}

#[test]
fn certificate_and_key_need_each_other() {
    let message = refusal("", &[("TWINLAKE_TLS_CERT", "cert.pem")]);
    assert_eq!(message, "`tls.cert` is set (the environment variable TWINLAKE_TLS_CERT) and needs `tls.key` beside it");
    let files = [("TWINLAKE_TLS_CERT", "cert.pem"), ("TWINLAKE_TLS_KEY", "key.pem")];
    assert_eq!(read("", &files, &[]).expect("allowed").tls.expect("both").key, Path::new("key.pem"));
}

#[test]
fn root_keys_come_together_within_bounds_and_the_secret_is_never_shown() {
    let keys = |access, secret| [("TWINLAKE_ROOT_ACCESS_KEY", access), ("TWINLAKE_ROOT_SECRET_KEY", secret)];
    let settings = read("", &keys("operator", "0123456789abcdef"), &[]).expect("allowed");
    assert_eq!(settings.root.expect("set").access_key, "operator");
    for (access, secret) in [
        ("ab", "0123456789abcdef"),
        ("a/b", "0123456789abcdef"),
        ("operator", "too-short"),
        ("operator", "0123456789 abcdef"),
    ] {
        let message = refusal("", &keys(access, secret));
        assert!(message.starts_with("`root_") && !message.contains(secret), "{message}");
    }
    assert!(refusal("", &keys("operator", "")).contains("needs `root_secret_key` beside it"));
}

#[test]
fn sites_come_from_the_file_and_variables_lie_over_them() {
    let file =
        "[[site]]\nname = \"cold\"\nkind = \"object-store\"\nurl = \"s3://old/\"\n[site.options]\nregion = \"x\"\n";
    let environment = [
        ("TWINLAKE_SITE_COLD_URL", "s3://new/"),
        ("TWINLAKE_SITE_COLD_OPTION_AWS_SECRET_ACCESS_KEY", "hush"),
        ("TWINLAKE_SITE_BIG_DISK_KIND", "local"),
        ("TWINLAKE_SITE_BIG_DISK_PATH", "/srv/blobs"),
    ];
    let sites = read(file, &environment, &[]).expect("allowed").sites;
    let names: Vec<_> = sites.iter().map(|site| site.name.as_str()).collect();
    assert_eq!(names, ["big-disk", "cold"]);
    assert!(matches!(&sites[0].kind, SiteKind::Local { path } if path == Path::new("/srv/blobs")));
    let SiteKind::ObjectStore { url, options } = &sites[1].kind else { panic!("an object store") };
    assert_eq!(url, "s3://new/");
    assert_eq!(options.len(), 2);
    assert_eq!(options["aws_secret_access_key"].as_str(), "hush");
}

#[test]
fn a_site_that_is_wrong_is_refused_by_its_name() {
    for (file, said) in [
        ("site = 1", "`site` in "),
        ("[[site]]\nkind = \"local\"", "`site[0].name` is not set"),
        ("[[site]]\nname = \"Cold\"\nkind = \"local\"\npath = \"x\"", "`site: name` is `Cold`"),
        ("[[site]]\nname = \"cold\"", "`site cold: kind` is not set"),
        ("[[site]]\nname = \"cold\"\nkind = \"tape\"", "`site cold: kind` is `tape`"),
        ("[[site]]\nname = \"cold\"\nkind = \"local\"", "`site cold: path` is not set"),
        ("[[site]]\nname = \"cold\"\nkind = \"local\"\npath = \"x\"\nurl = \"y\"", "`site cold: url` is set"),
        ("[[site]]\nname = \"cold\"\nkind = \"object-store\"", "`site cold: url` is not set"),
        ("[[site]]\nname = \"cold\"\ncolour = \"red\"", "`site[0].colour` in "),
        (
            "[[site]]\nname = \"cold\"\nkind = \"local\"\npath = \"x\"\n[[site]]\nname = \"cold\"",
            "`site cold` in the configuration file `lake.toml` is no setting of its own: it is there twice",
        ),
    ] {
        let message = refusal(file, &[]);
        assert!(message.starts_with(said), "{message}");
    }
}

#[test]
fn the_page_of_settings_says_what_the_table_says() {
    let page = include_str!("../../../docs/configuration.md");
    assert!(page.contains(&rows()), "docs/configuration.md does not hold the rows that `twinlake settings` prints");
}
