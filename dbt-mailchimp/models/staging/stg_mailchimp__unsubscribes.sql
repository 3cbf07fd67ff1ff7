select
    {{ dbt.concat(["campaign_id", "'-'", "email_id"]) }} as recipient_key,
    {{ dbt.concat(["list_id", "'-'", "email_id"]) }} as member_key,
    campaign_id,
    email_id as member_id,
    list_id,
    reason,
    {{ adapter.quote("timestamp") }} as unsubscribed_at
from {{ source("mailchimp", "unsubscribes") }}
