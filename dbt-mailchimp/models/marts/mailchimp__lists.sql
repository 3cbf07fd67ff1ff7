-- One row for each audience, with its contacts by status and engagement, and the rates of all its campaigns together.
with members as (
    select
        list_id,
        sum(case when status = 'subscribed' then 1 else 0 end) as subscribed_members,
        sum(case when status = 'unsubscribed' then 1 else 0 end) as unsubscribed_members,
        sum(case when status = 'cleaned' then 1 else 0 end) as cleaned_members,
        sum(case when status = 'pending' then 1 else 0 end) as pending_members,
        sum(case when status = 'archived' then 1 else 0 end) as archived_members,
        sum(case when engagement = 'engaged' then 1 else 0 end) as engaged_members,
        max(opted_in_at) as last_opted_in_at
    from {{ ref("mailchimp__members") }}
    group by list_id
),

campaigns as (
    select
        list_id,
        count(*) as campaigns_sent,
        sum(emails_sent) as emails_sent,
        sum(delivered) as delivered,
        sum(unique_opens) as unique_opens,
        sum(unique_clicks) as unique_clicks,
        sum(unsubscribes) as unsubscribes,
        sum(bounces) as bounces,
        sum(revenue) as revenue,
        max(sent_at) as last_sent_at
    from {{ ref("mailchimp__campaigns") }}
    where emails_sent > 0
    group by list_id
)

select
    lists.list_id,
    lists.name,
    lists.created_at,
    lists.is_double_optin,
    coalesce(members.subscribed_members, 0) as subscribed_members,
    coalesce(members.unsubscribed_members, 0) as unsubscribed_members,
    coalesce(members.cleaned_members, 0) as cleaned_members,
    coalesce(members.pending_members, 0) as pending_members,
    coalesce(members.archived_members, 0) as archived_members,
    coalesce(members.engaged_members, 0) as engaged_members,
    members.last_opted_in_at,
    coalesce(campaigns.campaigns_sent, 0) as campaigns_sent,
    coalesce(campaigns.emails_sent, 0) as emails_sent,
    campaigns.last_sent_at,
    campaigns.revenue,
    {{ mailchimp.rate("campaigns.unique_opens", "campaigns.delivered") }} as open_rate,
    {{ mailchimp.rate("campaigns.unique_clicks", "campaigns.delivered") }} as click_rate,
    {{ mailchimp.rate("campaigns.unsubscribes", "campaigns.delivered") }} as unsubscribe_rate,
    {{ mailchimp.rate("campaigns.bounces", "campaigns.emails_sent") }} as bounce_rate,
    {{ mailchimp.rate("members.engaged_members", "members.subscribed_members") }} as engagement_rate
from {{ ref("stg_mailchimp__lists") }} as lists
left join members on members.list_id = lists.list_id
left join campaigns on campaigns.list_id = lists.list_id
