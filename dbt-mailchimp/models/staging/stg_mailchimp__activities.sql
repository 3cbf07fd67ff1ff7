select
    activity_id,
    {{ dbt.concat(["campaign_id", "'-'", "email_id"]) }} as recipient_key,
    {{ dbt.concat(["list_id", "'-'", "email_id"]) }} as member_key,
    campaign_id,
    email_id as member_id,
    list_id,
    action,
    type as bounce_type,
    url,
    ip,
    {{ adapter.quote("timestamp") }} as occurred_at
from {{ source("mailchimp", "email_activity") }}
