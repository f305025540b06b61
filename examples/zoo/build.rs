//! Compiles the zoo: all packages, into one tree of modules.

fn main() -> Result<(), tonic_connect_build::Error> {
    tonic_connect_build::configure()
        .include_file("zoo.rs")
        .compile(
            &["proto/zoo/v1/zoo.proto", "proto/no_package.proto"],
            &["proto"],
        )
}
