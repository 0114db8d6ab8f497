//! OpenID Connect providers of an account.

use engine::NewOidcProvider;

use super::{Answer, Asked, Node, tags};

const ARN: &str = "OpenIDConnectProviderArn";

pub(super) async fn create(mut asked: Asked<'_>) -> Answer {
    let (url, account) = (asked.parameters.need("Url")?, asked.account());
    let (client_ids, thumbprints) = (asked.parameters.list("ClientIDList"), asked.parameters.list("ThumbprintList"));
    let set = asked.parameters.tags()?;
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let new = NewOidcProvider { url, client_ids, thumbprints, tags: set };
    let provider = engine.create_oidc_provider(caller, account, new).await?;
    Ok(vec![Node::text(ARN, provider.arn()), tags(&provider.tags)])
}

pub(super) fn get(mut asked: Asked<'_>) -> Answer {
    let arn = asked.parameters.need(ARN)?;
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let provider = engine.oidc_provider(caller, &arn)?;
    Ok(vec![
        Node::text("Url", &provider.url),
        Node::texts("ClientIDList", provider.client_ids),
        Node::texts("ThumbprintList", provider.thumbprints),
        Node::instant("CreateDate", provider.created_ms),
        tags(&provider.tags),
    ])
}

pub(super) fn list(asked: Asked<'_>) -> Answer {
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let providers = engine.oidc_providers(caller, account)?;
    Ok(vec![Node::list("OpenIDConnectProviderList", &providers, |provider| vec![Node::text("Arn", provider.arn())])])
}

pub(super) async fn delete(mut asked: Asked<'_>) -> Answer {
    let arn = asked.parameters.need(ARN)?;
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.delete_oidc_provider(caller, &arn).await?;
    Ok(Vec::new())
}

pub(super) async fn set_client_id(mut asked: Asked<'_>, is_taken: bool) -> Answer {
    let (arn, id) = (asked.parameters.need(ARN)?, asked.parameters.need("ClientID")?);
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.set_client_id(caller, &arn, &id, is_taken).await?;
    Ok(Vec::new())
}

pub(super) async fn update_thumbprints(mut asked: Asked<'_>) -> Answer {
    let (arn, thumbprints) = (asked.parameters.need(ARN)?, asked.parameters.list("ThumbprintList"));
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.set_thumbprints(caller, &arn, thumbprints).await?;
    Ok(Vec::new())
}

pub(super) async fn tag(mut asked: Asked<'_>) -> Answer {
    let (arn, set) = (asked.parameters.need(ARN)?, asked.parameters.tags()?);
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.tag_oidc_provider(caller, &arn, set, &[]).await?;
    Ok(Vec::new())
}

pub(super) async fn untag(mut asked: Asked<'_>) -> Answer {
    let (arn, unset) = (asked.parameters.need(ARN)?, asked.parameters.list("TagKeys"));
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.tag_oidc_provider(caller, &arn, Default::default(), &unset).await?;
    Ok(Vec::new())
}
