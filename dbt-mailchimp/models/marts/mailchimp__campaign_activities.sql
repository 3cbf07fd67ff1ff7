-- One row for each open, click and bounce, with the campaign it belongs to and how long after sending it came.
select
    activities.activity_id,
    activities.recipient_key,
    activities.member_key,
    activities.campaign_id,
    sendings.main_campaign_id,
    activities.member_id,
    activities.list_id,
    sendings.title as campaign_title,
    activities.action,
    activities.bounce_type,
    activities.url,
    activities.ip,
    activities.occurred_at,
    sendings.sent_at,
    {{ dbt.datediff("sendings.sent_at", "activities.occurred_at", "minute") }} as minutes_since_sent
from {{ ref("stg_mailchimp__activities") }} as activities
left join {{ ref("stg_mailchimp__sendings") }} as sendings on sendings.campaign_id = activities.campaign_id
