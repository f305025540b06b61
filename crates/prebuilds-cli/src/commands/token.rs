//! `prebuilds token`: who may call the server of this machine.
//!
//! These work on the data folder itself, beside a server that may run on it: the public API has no
//! calls for tokens.

use std::io::{self, Write};
use std::time::SystemTime;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use prebuildd::data_dir::DataDir;
use prebuildd::domain::Token;
use prebuildd::store::StoreError;
use prebuildd::tokens::{self, DEFAULT_ORGANIZATION};
use serde::Serialize;
use uuid::Uuid;

use crate::data_folder::DataDirArgs;
use crate::failure::{Failure, note};
use crate::humanize::{age, moment, one_line};
use crate::output::{self, FormatArgs, Rows};
use crate::style::Style;
use crate::table::Table;

const EXAMPLES: &str = "\
Examples:
  export PREBUILDS_API_KEY=$(prebuilds token create --name ci)
  prebuilds token create --name dashboard --read-only
  prebuilds token list
  prebuilds token revoke 01980000-0000-7000-8000-000000000000";

/// What to do with tokens.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Command {
    /// Create a token; its secret is printed this once and stored nowhere
    Create(CreateArgs),
    /// List the tokens of an organization
    List(ListArgs),
    /// Revoke a token: from now on it opens nothing
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// What the token is for
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Allow reading only
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    organization: OrganizationArgs,
    #[command(flatten)]
    data_dir: DataDirArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    organization: OrganizationArgs,
    #[command(flatten)]
    data_dir: DataDirArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// The id of the token, from `prebuilds token list`
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    organization: OrganizationArgs,
    #[command(flatten)]
    data_dir: DataDirArgs,
}

#[derive(Debug, clap::Args)]
struct OrganizationArgs {
    /// The organization; made with its first token
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ORGANIZATION, value_parser = NonEmptyStringValueParser::new())]
    organization: String,
}

/// A token as scripts see it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: Uuid,
    name: String,
    organization_id: Uuid,
    read_only: bool,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip)]
    created: Option<SystemTime>,
}

impl Shown {
    fn new(token: Token, secret: Option<String>) -> Self {
        Self {
            id: token.id,
            name: token.name,
            organization_id: token.organization_id,
            read_only: token.read_only,
            created_at: token.created_at.to_string(),
            revoked_at: token.revoked_at.map(|at| at.to_string()),
            secret,
            created: moment(Some(token.created_at)),
        }
    }
}

impl Rows for Shown {
    fn table<W: Write>(out: W) -> Table<W> {
        Table::new(
            out,
            &[
                ("ID", 36),
                ("NAME", 20),
                ("ACCESS", 10),
                ("CREATED", 11),
                ("STATE", 0),
            ],
            Style::stdout(),
        )
    }

    fn row<W: Write>(&self, table: &mut Table<W>) -> io::Result<()> {
        table.row([
            self.id.to_string().into(),
            one_line(&self.name).into(),
            if self.read_only { "read-only" } else { "full" }.into(),
            age(self.created).into(),
            match self.revoked_at {
                Some(_) => "revoked".into(),
                None => "valid".into(),
            },
        ])
    }
}

pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(args).await,
        Command::List(args) => list(args).await,
        Command::Revoke(args) => revoke(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<(), Failure> {
    let folder = open(&args.data_dir)?;
    let organization = &args.organization.organization;
    let (token, secret) = tokens::create(&folder, organization, &args.name, args.read_only)
        .await
        .map_err(Failure::failed)?;
    match args.format.format {
        output::Format::Json => output::json(&[Shown::new(token, Some(secret))]),
        output::Format::Text => {
            note(&format!(
                "Token {} of {organization}; its secret is shown only now:",
                token.id
            ));
            output::line(&secret)
        }
    }
}

async fn list(args: ListArgs) -> Result<(), Failure> {
    let folder = open(&args.data_dir)?;
    let tokens = tokens::list(&folder, &args.organization.organization)
        .await
        .map_err(|error| unknown(error, &args.organization))?;
    let tokens: Vec<Shown> = tokens
        .into_iter()
        .map(|token| Shown::new(token, None))
        .collect();
    output::all(args.format.format, &tokens)
}

async fn revoke(args: RevokeArgs) -> Result<(), Failure> {
    let folder = open(&args.data_dir)?;
    let token = tokens::revoke(&folder, &args.organization.organization, args.id)
        .await
        .map_err(|error| unknown(error, &args.organization))?;
    note(&format!(
        "Token {} ({}) is revoked.",
        token.id,
        one_line(&token.name)
    ));
    Ok(())
}

/// Says what there is instead of what was not found.
fn unknown(error: StoreError, args: &OrganizationArgs) -> Failure {
    let organization = &args.organization;
    Failure::failed(match error {
        StoreError::NotFound("organization") => format!(
            "there is no organization {organization:?} in this data folder: one is made with its \
             first token, by `prebuilds token create`"
        ),
        StoreError::NotFound("token") => format!(
            "organization {organization:?} has no such token: `prebuilds token list` shows its tokens"
        ),
        error => error.to_string(),
    })
}

fn open(args: &DataDirArgs) -> Result<DataDir, Failure> {
    DataDir::open(args.path()?).map_err(Failure::failed)
}
