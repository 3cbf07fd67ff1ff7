-- The campaigns below a campaign, such as the versions of a split test; `campaigns` doesn't list these.
select
    id as campaign_id,
    campaign_id as main_campaign_id,
    campaign_title as title,
    send_time as sent_at
from {{ source("mailchimp", "sub_reports") }}
