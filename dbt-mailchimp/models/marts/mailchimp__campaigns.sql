-- One row for each campaign, with its counts and rates; drafts have no counts.
select
    campaigns.campaign_id,
    campaigns.list_id,
    lists.name as list_name,
    campaigns.title,
    campaigns.subject_line,
    campaigns.campaign_type,
    campaigns.status,
    campaigns.from_name,
    campaigns.archive_url,
    campaigns.created_at,
    campaigns.sent_at,
    reports.emails_sent,
    reports.hard_bounces + reports.soft_bounces as bounces,
    reports.emails_sent - reports.hard_bounces - reports.soft_bounces as delivered,
    reports.opens,
    reports.unique_opens,
    reports.unique_opens_without_proxies,
    reports.clicks,
    reports.unique_clicks,
    reports.unsubscribes,
    reports.abuse_reports,
    reports.forwards,
    reports.orders,
    reports.revenue,
    reports.currency_code,
    {{ mailchimp.rate("reports.unique_opens", "reports.emails_sent - reports.hard_bounces - reports.soft_bounces") }}
        as open_rate,
    {{ mailchimp.rate("reports.unique_clicks", "reports.emails_sent - reports.hard_bounces - reports.soft_bounces") }}
        as click_rate,
    {{ mailchimp.rate("reports.unique_clicks", "reports.unique_opens") }} as click_to_open_rate,
    {{ mailchimp.rate("reports.unsubscribes", "reports.emails_sent - reports.hard_bounces - reports.soft_bounces") }}
        as unsubscribe_rate,
    {{ mailchimp.rate("reports.hard_bounces + reports.soft_bounces", "reports.emails_sent") }} as bounce_rate
from {{ ref("stg_mailchimp__campaigns") }} as campaigns
left join {{ ref("stg_mailchimp__reports") }} as reports on reports.campaign_id = campaigns.campaign_id
left join {{ ref("stg_mailchimp__lists") }} as lists on lists.list_id = campaigns.list_id
