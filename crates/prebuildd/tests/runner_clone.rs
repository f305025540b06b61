//! Cloning: every revision, submodules, what is refused, and what is left afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod runner_fixture;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use prebuildd::domain::source::{CommitId, RefName, Repository, Revision};
use prebuildd::runner::{GitCredential, RunnerError, SandboxMode, SecretSource};
use runner_fixture::{Fixture, commit, git};

#[tokio::test]
async fn every_revision_is_found() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.init();
    let first = commit(&repository, &[("file", "1")]);
    git(&repository, &["tag", "-a", "v1", "-m", "one"]);
    git(&repository, &["checkout", "--quiet", "-b", "feature/x"]);
    let second = commit(&repository, &[("file", "2")]);
    git(&repository, &["checkout", "--quiet", "main"]);
    let third = commit(&repository, &[("file", "3")]);
    // Reachable from no branch, as the head of a merge request is.
    git(&repository, &["checkout", "--quiet", "--detach"]);
    let fourth = commit(&repository, &[("file", "4")]);
    git(&repository, &["update-ref", "refs/pull/1/head", &fourth]);
    git(&repository, &["checkout", "--quiet", "main"]);

    let name = |name| RefName::parse(name).unwrap();
    let id = |id: &str| CommitId::parse(id).unwrap();
    for (revision, commit, content) in [
        (Revision::Head, &third, "3"),
        (Revision::Branch(name("main")), &third, "3"),
        (Revision::Branch(name("feature/x")), &second, "2"),
        (Revision::Tag(name("v1")), &first, "1"),
        (Revision::Commit(id(&first)), &first, "1"),
        (Revision::Commit(id(&second)), &second, "2"),
        (Revision::Commit(id(&fourth)), &fourth, "4"),
    ] {
        let (environment, request) = fixture.start(&repository, revision.clone()).await;
        let environment = environment.unwrap_or_else(|e| panic!("{revision}: {e}"));
        assert_eq!(&environment.commit, commit, "{revision}");
        assert_eq!(environment.repository_name, "app");
        let file = environment.workspace.join("file");
        assert_eq!(fs::read_to_string(file).unwrap(), content, "{revision}");
        assert_eq!(git(&environment.workspace, &["status", "--porcelain"]), "");
        assert!(!fixture.log(&request).contains('\r'));
        fixture.runner.remove(environment.id).await.unwrap();
    }
    assert!(fixture.runner.environments().await.unwrap().is_empty());

    for revision in [
        Revision::Branch(name("none")),
        Revision::Tag(name("none")),
        Revision::Commit(id(&"0".repeat(39).replace("00", "01").repeat(2)[..40])),
    ] {
        let (result, request) = fixture.start(&repository, revision.clone()).await;
        let error = result.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        let expected = format!("has no {revision}");
        assert!(error.to_string().contains(&expected), "{error}");
        fixture.runner.remove(request.environment_id).await.unwrap();
    }
}

#[tokio::test]
async fn the_clone_shares_nothing_with_its_source() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.init();
    commit(&repository, &[("file", "1")]);
    let url = format!("file://{}", repository.display());
    let mut request = fixture.request(&repository, Revision::Head);
    for repository in [repository.to_str().unwrap(), &url] {
        request.source.repository = Repository::parse(repository).unwrap();
        let environment = fixture
            .runner
            .start(&request, &fixture.writer(&request))
            .await
            .unwrap();
        let mut folders = vec![environment.workspace.join(".git")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    assert_eq!(entry.metadata().unwrap().nlink(), 1, "{entry:?}");
                }
            }
        }
        let origin = git(&environment.workspace, &["remote", "get-url", "origin"]);
        assert_eq!(origin, repository);
    }
}

#[tokio::test]
async fn submodules_come_along() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.init();
    let library = fixture.folder.path().join("library");
    fs::create_dir(&library).unwrap();
    git(&library, &["init", "--quiet"]);
    commit(&library, &[("lib.c", "int x;")]);
    git(
        &repository,
        &[
            "submodule",
            "--quiet",
            "add",
            "../library",
            "vendor/library",
        ],
    );
    commit(&repository, &[("file", "1")]);
    let (environment, _) = fixture.start(&repository, Revision::Head).await;
    let environment = environment.unwrap();
    assert!(environment.workspace.join("vendor/library/lib.c").exists());
}

#[tokio::test]
async fn a_repository_without_commits_is_an_empty_workspace() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.init();
    let (environment, request) = fixture.start(&repository, Revision::Head).await;
    let environment = environment.unwrap();
    assert_eq!(environment.commit, "");
    assert!(fixture.log(&request).contains("no commits"));
    let main = Revision::Branch(RefName::parse("main").unwrap());
    let error = fixture.start(&repository, main).await.0.unwrap_err();
    assert!(error.to_string().contains("has no branch main"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_cloned_says_why() {
    let fixture = Fixture::new(SandboxMode::None);
    let plain = fixture.folder.path().join("plain");
    fs::create_dir(&plain).unwrap();
    let inside = fixture.folder.path().join("environments/app");
    fs::create_dir(&inside).unwrap();
    for (repository, transient, expected) in [
        (fixture.folder.path().join("none"), false, "does not exist"),
        (plain, false, "is not a git repository"),
        (inside, false, "lies where this server clones no"),
    ] {
        let error = fixture
            .start(&repository, Revision::Head)
            .await
            .0
            .unwrap_err();
        assert_eq!(error.is_transient(), transient, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    // A port where nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut request = fixture.request(fixture.folder.path(), Revision::Head);
    request.source.repository = Repository::parse(&format!("http://127.0.0.1:{port}/app")).unwrap();
    let error = fixture
        .runner
        .start(&request, &fixture.writer(&request))
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn local_repositories_only_where_they_are_allowed() {
    let fixture = Fixture::with(SandboxMode::None, |config| {
        config.local_repositories = vec![config.environments_dir.parent().unwrap().join("open")];
    });
    let repository = fixture.init();
    commit(&repository, &[]);
    let open = fixture.folder.path().join("open");
    fs::create_dir(&open).unwrap();
    symlink(&repository, open.join("link")).unwrap();
    for path in [repository.clone(), open.join("link"), open.join("../app")] {
        let error = fixture.start(&path, Revision::Head).await.0.unwrap_err();
        assert!(
            error.to_string().contains("clones no repositories from"),
            "{error}"
        );
    }
    fs::rename(&repository, open.join("app")).unwrap();
    fixture
        .start(&open.join("app"), Revision::Head)
        .await
        .0
        .unwrap();
}

#[tokio::test]
async fn a_repository_runs_no_code_while_it_is_cloned() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.init();
    let touched = fixture.folder.path().join("touched");
    let script = format!("#!/bin/sh\ntouch {}\n", touched.display());
    commit(
        &repository,
        &[
            (".gitattributes", "* filter=evil\n"),
            ("file", "1"),
            ("hooks/post-checkout", &script),
        ],
    );
    for hook in [
        "post-checkout",
        "pre-auto-gc",
        "reference-transaction",
        "post-index-change",
    ] {
        let hook = repository.join(".git/hooks").join(hook);
        fs::write(&hook, &script).unwrap();
        fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let touch = format!("touch {}", touched.display());
    for key in [
        "uploadpack.packObjectsHook",
        "core.fsmonitor",
        "filter.evil.smudge",
    ] {
        git(&repository, &["config", key, &touch]);
    }
    fixture.start(&repository, Revision::Head).await.0.unwrap();
    assert!(!touched.exists());
}

#[tokio::test]
async fn credentials_stand_nowhere_after_the_clone() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "hunter2hunter2\n").unwrap();
    let fixture = Fixture::with(SandboxMode::None, |config| {
        config.git_credentials.push(GitCredential {
            host: "git.example.com".to_owned(),
            username: "x".to_owned(),
            secret: SecretSource::File(secret),
        });
    });
    let repository = fixture.init();
    commit(&repository, &[("file", "1")]);
    let (environment, request) = fixture.start(&repository, Revision::Head).await;
    environment.unwrap();
    let found = std::process::Command::new("grep")
        .args(["-r", "hunter2"])
        .arg(fixture.folder.path())
        .output()
        .unwrap();
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let parts = fixture
        .folder
        .path()
        .join("environments")
        .join(request.environment_id.to_string());
    assert!(!parts.join("git").exists());
}

#[tokio::test]
async fn the_devcontainer_file_stays_inside_the_repository() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.init();
    fs::write(fixture.folder.path().join("outside.json"), "{}").unwrap();
    symlink("../../../outside.json", repository.join("relative.json")).unwrap();
    symlink("/etc/hostname", repository.join("absolute.json")).unwrap();
    symlink("loop.json", repository.join("loop.json")).unwrap();
    symlink("inside/devcontainer.json", repository.join("fine.json")).unwrap();
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(1024 * 1024));
    commit(
        &repository,
        &[
            ("inside/devcontainer.json", "{}"),
            ("large.json", &large),
            ("broken.json", "{\n  \"image\": \"x\"\n  \"a\": 1\n}"),
        ],
    );
    for (path, expected) in [
        ("relative.json", "leaves the repository"),
        ("absolute.json", "leaves the repository"),
        ("loop.json", "symbolic links"),
        ("../app/fine.json", "is not a path inside the repository"),
        ("/etc/hostname", "is not a path inside the repository"),
        ("none.json", "does not exist"),
        ("inside", "is not a file"),
        ("large.json", "larger than 1 MiB"),
        ("broken.json", "broken.json:2:15: Expected comma"),
        ("fine.json", ""),
        ("inside/devcontainer.json", ""),
    ] {
        let mut request = fixture.request(&repository, Revision::Head);
        request.source.devcontainer_file_path = Some(path.to_owned());
        let result = fixture
            .runner
            .start(&request, &fixture.writer(&request))
            .await;
        match result {
            Ok(environment) => {
                assert_eq!(expected, "", "{path}");
                assert_eq!(environment.devcontainer_path(), Some(path));
            }
            Err(error @ RunnerError::Devcontainer(_)) => {
                assert!(
                    !expected.is_empty() && error.to_string().contains(expected),
                    "{path}: {error}"
                );
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }
}

#[tokio::test]
async fn the_standard_places_are_searched_in_order() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.init();
    let mut keys = Vec::new();
    for (add, expected, warnings) in [
        (None, None, 0),
        (
            Some(".devcontainer/b/devcontainer.json"),
            Some(".devcontainer/b/devcontainer.json"),
            0,
        ),
        (
            Some(".devcontainer/a/devcontainer.json"),
            Some(".devcontainer/a/devcontainer.json"),
            1,
        ),
        (Some(".devcontainer.json"), Some(".devcontainer.json"), 0),
        (
            Some(".devcontainer/devcontainer.json"),
            Some(".devcontainer/devcontainer.json"),
            0,
        ),
        (
            Some(".ona/automations.yaml"),
            Some(".devcontainer/devcontainer.json"),
            1,
        ),
    ] {
        let files: Vec<(&str, &str)> = add.iter().map(|&path| (path, "{}")).collect();
        commit(&repository, &files);
        let environment = fixture.start(&repository, Revision::Head).await.0.unwrap();
        assert_eq!(environment.devcontainer_path(), expected);
        assert_eq!(
            environment.warnings.len(),
            warnings,
            "{:?}",
            environment.warnings
        );
        assert!(!keys.contains(&environment.reuse_key));
        keys.push(environment.reuse_key.clone());
        let again = fixture.start(&repository, Revision::Head).await.0.unwrap();
        assert_eq!(again.reuse_key, environment.reuse_key);
    }
}

#[tokio::test]
async fn an_environment_can_be_reopened_and_goes_whole() {
    let fixture = Fixture::new(SandboxMode::None);
    let repository = fixture.with_devcontainer(r#"{"image": "x", "onCreateCommand": "true"}"#);
    let (environment, request) = fixture.start(&repository, Revision::Head).await;
    let environment = environment.unwrap();
    let id = request.environment_id;
    let reopened = fixture.runner.reopen(id).await.unwrap().unwrap();
    assert_eq!(format!("{environment:?}"), format!("{reopened:?}"));
    assert_eq!(environment.reuse_key, reopened.reuse_key);
    assert_eq!(fixture.runner.environments().await.unwrap(), [id]);

    // As Go's module cache is, and worse.
    let mut deep = environment.home.join("go");
    fs::create_dir(&deep).unwrap();
    fs::write(deep.join("file"), "").unwrap();
    symlink(fixture.folder.path().join("logs"), deep.join("link")).unwrap();
    for _ in 0..300 {
        deep.push("deep-deep-deep");
        if fs::create_dir(&deep).is_err() {
            break;
        }
    }
    let read_only = fs::Permissions::from_mode(0o500);
    fs::set_permissions(environment.home.join("go"), read_only).unwrap();
    fixture.runner.remove(id).await.unwrap();
    fixture.runner.remove(id).await.unwrap();
    assert!(fixture.runner.reopen(id).await.unwrap().is_none());
    assert!(fixture.runner.environments().await.unwrap().is_empty());
    assert!(fixture.logs.exists(request.prebuild_id));
}
