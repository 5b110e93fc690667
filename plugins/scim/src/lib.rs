//! The connector to SCIM 2.0 servers (RFC 7643, RFC 7644).
use grantry_sdk::{
    Aggregate, Lifecycle, Provision, Result,
    aggregate::{Page, PageRequest},
    lifecycle::Manifest,
    provision::{Operation, OperationContext, Outcome, PlanResult},
};
pub struct Scim;
impl Lifecycle for Scim {
    fn describe() -> Manifest {
        Manifest::default()
    }
}
impl Aggregate for Scim {
    fn read_page(_: PageRequest) -> Result<Page> {
        grantry_sdk::http::Request::get("x").send()?;
        Ok(Page::empty())
    }
}
impl Provision for Scim {
    fn plan(_: Operation, _: OperationContext) -> Result<PlanResult> {
        todo!()
    }
    fn apply(_: Operation, _: OperationContext) -> Result<Outcome> {
        todo!()
    }
}
grantry_sdk::export!(Scim: Lifecycle, Aggregate, Provision);
