-- One row for each contact of each audience, with what it got and did, and how engaged it is.
with received as (
    select
        member_key,
        count(*) as campaigns_received,
        sum(case when was_opened then 1 else 0 end) as campaigns_opened,
        sum(case when was_clicked then 1 else 0 end) as campaigns_clicked,
        sum(opens) as opens,
        sum(clicks) as clicks,
        max(sent_at) as last_sent_at,
        max(last_active_at) as last_active_at
    from {{ ref("mailchimp__campaign_recipients") }}
    where not has_bounced
    group by member_key
)

select
    members.*,
    coalesce(received.campaigns_received, 0) as campaigns_received,
    coalesce(received.campaigns_opened, 0) as campaigns_opened,
    coalesce(received.campaigns_clicked, 0) as campaigns_clicked,
    coalesce(received.opens, 0) as opens,
    coalesce(received.clicks, 0) as clicks,
    {{ mailchimp.rate("received.campaigns_opened", "received.campaigns_received") }} as open_rate,
    {{ mailchimp.rate("received.campaigns_clicked", "received.campaigns_received") }} as click_rate,
    received.last_sent_at,
    received.last_active_at,
    case
        when members.status <> 'subscribed' then 'not subscribed'
        when received.last_active_at >= {{ dbt.dateadd("day", -var("mailchimp_engaged_days"), dbt.current_timestamp()) }}
            then 'engaged'
        when received.last_active_at is not null then 'lapsed'
        when received.campaigns_received > 0 then 'never active'
        else 'not sent to yet'
    end as engagement
from {{ ref("stg_mailchimp__members") }} as members
left join received on received.member_key = members.member_key
