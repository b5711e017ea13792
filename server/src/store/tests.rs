//! Directories that are not as they should be. What every store does is tested by the suite in `tests/tests/stores`.

use std::path::Path;

use catalog::{Error, ErrorKind};

use super::{Settings, Store};

fn open(path: &Path) -> Result<Store, Error> {
    Store::open_or_make(path.to_str().unwrap())
}

#[test]
fn a_file_is_no_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(file.to_str().unwrap()).err().unwrap();
    assert_eq!((error.kind, error.why.as_str()), (ErrorKind::NotFound, "it is a file, not a directory"));
    let error = open(&file).err().unwrap();
    assert!(error.to_string().contains("could not make the directory"), "{error}");
    let error = open(&file.join("below")).err().unwrap();
    assert_eq!(error.kind, ErrorKind::SourceUnavailable, "{error}");
}

#[tokio::test]
async fn a_file_in_the_way_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    std::fs::write(folder.path().join("manifest"), "").unwrap();
    let error = store.put("manifest/head.json", "{}".into()).await.unwrap_err();
    assert!(error.to_string().contains("a file is where a directory should be"), "{error}");
}

#[tokio::test]
async fn a_place_that_nobody_may_write_to_is_said() {
    // Not even root may make files here.
    let Ok(store) = Store::open("file:///proc/self") else { return };
    let error = store.ready_to_write().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SourceUnavailable, "{error}");
    assert!(!error.next.is_empty(), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_lead_out_are_refused() {
    use std::os::unix::fs::symlink;
    let (outer, inner) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outer.path().join("a.json"), "secret").unwrap();
    let store = open(inner.path()).unwrap();
    store.put("manifest/b.json", "mine".into()).await.unwrap();
    symlink(outer.path().join("a.json"), inner.path().join("manifest/out.json")).unwrap();
    symlink(outer.path(), inner.path().join("manifest/away")).unwrap();
    symlink("b.json", inner.path().join("manifest/in.json")).unwrap();
    symlink("nowhere.json", inner.path().join("manifest/broken.json")).unwrap();

    assert_eq!(store.get("manifest/in.json").await.unwrap().unwrap(), "mine");
    assert_eq!(store.get("manifest/broken.json").await.unwrap(), None);
    for key in ["manifest/out.json", "manifest/away/a.json"] {
        let errors = [
            store.get(key).await.unwrap_err(),
            store.head(key).await.unwrap_err(),
            store.get_range(key, 0..1).await.unwrap_err(),
            store.put(key, "x".into()).await.unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.kind == ErrorKind::Unsupported), "{key}: {errors:?}");
    }
    // A well-known folder that leads out is refused before anything is read.
    symlink(outer.path(), inner.path().join("data")).unwrap();
    let error = open(inner.path()).err().unwrap();
    assert!(error.what.contains("leads out of the catalog"), "{error}");
    // The catalog itself may be a link.
    let link = outer.path().join("catalog");
    std::fs::remove_file(inner.path().join("data")).unwrap();
    symlink(inner.path(), &link).unwrap();
    assert_eq!(open(&link).unwrap().get("manifest/b.json").await.unwrap().unwrap(), "mine");
}

#[cfg(unix)]
#[tokio::test]
async fn a_listing_holds_what_is_written_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    assert!(!store.any_under("data/bars").await.unwrap());
    for key in
        ["data/bars/x/a.parquet", "data/bars/x/b#c.parquet", "data/bars/y é/1.parquet", "manifest/a.json"]
    {
        store.put(key, key.into()).await.unwrap();
    }
    let bars = folder.path().join("data/bars");
    std::fs::write(bars.join("x/c.parquet#17"), "half").unwrap();
    std::fs::create_dir_all(bars.join("empty/deep")).unwrap();
    std::os::unix::fs::symlink("nowhere", bars.join("x/broken")).unwrap();

    let mut objects = store.list_objects("data/bars").await.unwrap();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    let found: Vec<_> = objects.iter().map(|object| (object.location.as_ref(), object.size)).collect();
    let keys = ["data/bars/x/a.parquet", "data/bars/x/b#c.parquet", "data/bars/y é/1.parquet"];
    assert_eq!(found, keys.map(|key| (key, key.len() as u64)));
    assert!(store.any_under("data/bars/x").await.unwrap());
    assert!(!store.any_under("data/bars/empty").await.unwrap());
    assert_eq!(store.list("data/none").await.unwrap(), Vec::<String>::new());
    // An error of the disk is no absence: here a link that leads back to itself.
    std::os::unix::fs::symlink("loop", bars.join("loop")).unwrap();
    let error = store.list("data").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SourceUnavailable, "{error}");
}

#[tokio::test]
async fn a_web_server_can_only_be_read() {
    let error = Store::open_or_make("https://example.org/catalog").err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    let store = Store::open_with("https://example.org/catalog", &Settings::default()).unwrap();
    assert_eq!(store.ready_to_write().await.unwrap_err().kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_single_writer_creates_once_too() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::default().single_writer(true);
    let store = Store::open_with(folder.path().to_str().unwrap(), &settings).unwrap();
    assert!(store.create("manifest/a.json", "1".into()).await.unwrap());
    assert!(!store.create("manifest/a.json", "2".into()).await.unwrap());
    assert_eq!(store.get("manifest/a.json").await.unwrap().unwrap(), "1");
}

#[test]
fn variables() {
    let settings = Settings::new([("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT", ""), ("OTHER", "x")]);
    assert_eq!(settings.get("AWS_REGION"), Some("eu-central-1"));
    assert_eq!(settings.get("AWS_ENDPOINT"), None, "an empty variable is none");
    assert_eq!(settings.under("AWS_").collect::<Vec<_>>(), [("AWS_REGION", "eu-central-1")]);
}
