select
    {{ dbt.concat(["campaign_id", "'-'", "email_id"]) }} as recipient_key,
    {{ dbt.concat(["list_id", "'-'", "email_id"]) }} as member_key,
    campaign_id,
    email_id as member_id,
    list_id,
    email_address,
    absplit_group as split_group,
    status as delivery_status,
    status in ('hard', 'soft') as has_bounced
from {{ source("mailchimp", "sent_to") }}
