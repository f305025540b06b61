//! Creates, reads, cancels and deletes a prebuild with tonic's own client over tonic's own
//! transport: plain gRPC, none of our runtime.

use prebuilds::v1::prebuild_service_client::PrebuildServiceClient;
use prebuilds::v1::{
    CancelPrebuildRequest, CreatePrebuildRequest, DeletePrebuildRequest, GetPrebuildRequest,
    PrebuildPhase, PrebuildSpec,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request};

type Error = Box<dyn std::error::Error>;

fn variable(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

/// Against the server at BASE_URL.
pub async fn run() -> Result<(), Error> {
    let channel = Channel::from_shared(variable("BASE_URL")?)?
        .connect()
        .await?;
    let bearer: MetadataValue<Ascii> = format!("Bearer {}", variable("TOKEN")?).parse()?;
    let mut client =
        PrebuildServiceClient::with_interceptor(channel.clone(), move |mut request: Request<()>| {
            request
                .metadata_mut()
                .insert("authorization", bearer.clone());
            Ok(request)
        });

    let request = CreatePrebuildRequest {
        project_id: variable("PROJECT_ID")?,
        environment_class_id: None,
        spec: Some(PrebuildSpec {
            timeout: Some(std::time::Duration::from_secs(3600).try_into()?),
            ..Default::default()
        }),
    };
    let created = client
        .create_prebuild(request.clone())
        .await?
        .into_inner()
        .prebuild
        .ok_or("no prebuild")?;
    let prebuild_id = created.id;

    let mut phase = PrebuildPhase::Pending;
    while !phase.is_terminal() {
        let request = GetPrebuildRequest {
            prebuild_id: prebuild_id.clone(),
        };
        let prebuild = client
            .get_prebuild(request)
            .await?
            .into_inner()
            .prebuild
            .ok_or("no prebuild")?;
        phase = prebuild.status.ok_or("no status")?.phase();
    }
    assert_eq!(phase, PrebuildPhase::Completed);

    let ended = client
        .cancel_prebuild(CancelPrebuildRequest {
            prebuild_id: prebuild_id.clone(),
        })
        .await;
    assert_eq!(
        ended.err().map(|status| status.code()),
        Some(Code::FailedPrecondition)
    );
    client
        .delete_prebuild(DeletePrebuildRequest { prebuild_id })
        .await?;

    let too_short = CreatePrebuildRequest {
        spec: Some(PrebuildSpec {
            timeout: Some(std::time::Duration::from_secs(299).try_into()?),
            ..Default::default()
        }),
        ..request.clone()
    };
    let refused = client
        .create_prebuild(too_short)
        .await
        .err()
        .ok_or("4m59s was accepted")?;
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");

    let anonymous = PrebuildServiceClient::new(channel)
        .create_prebuild(request)
        .await;
    assert_eq!(
        anonymous.err().map(|status| status.code()),
        Some(Code::Unauthenticated)
    );
    Ok(())
}
