-- One row for each contact that a campaign went to, with what it did.
with activities as (
    select
        recipient_key,
        sum(case when action = 'open' then 1 else 0 end) as opens,
        sum(case when action = 'click' then 1 else 0 end) as clicks,
        min(case when action = 'open' then occurred_at end) as first_opened_at,
        min(case when action = 'click' then occurred_at end) as first_clicked_at,
        max(case when action in ('open', 'click') then occurred_at end) as last_active_at
    from {{ ref("stg_mailchimp__activities") }}
    group by recipient_key
),

unsubscribes as (
    select recipient_key, min(unsubscribed_at) as unsubscribed_at
    from {{ ref("stg_mailchimp__unsubscribes") }}
    group by recipient_key
)

select
    recipients.recipient_key,
    recipients.member_key,
    recipients.campaign_id,
    sendings.main_campaign_id,
    recipients.member_id,
    recipients.list_id,
    recipients.email_address,
    recipients.split_group,
    recipients.delivery_status,
    recipients.has_bounced,
    sendings.sent_at,
    coalesce(activities.opens, 0) as opens,
    coalesce(activities.clicks, 0) as clicks,
    coalesce(activities.opens, 0) > 0 as was_opened,
    coalesce(activities.clicks, 0) > 0 as was_clicked,
    unsubscribes.unsubscribed_at is not null as was_unsubscribed,
    activities.first_opened_at,
    activities.first_clicked_at,
    activities.last_active_at,
    unsubscribes.unsubscribed_at,
    {{ dbt.datediff("sendings.sent_at", "activities.first_opened_at", "minute") }} as minutes_to_open
from {{ ref("stg_mailchimp__recipients") }} as recipients
left join activities on activities.recipient_key = recipients.recipient_key
left join unsubscribes on unsubscribes.recipient_key = recipients.recipient_key
left join {{ ref("stg_mailchimp__sendings") }} as sendings on sendings.campaign_id = recipients.campaign_id
