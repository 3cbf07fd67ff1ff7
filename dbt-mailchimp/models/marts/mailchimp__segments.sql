-- One row for each segment or tag, with the contacts that are in it now and how they do.
select
    segments.segment_id,
    segments.list_id,
    segments.name,
    segments.segment_type,
    segments.created_at,
    segments.updated_at,
    count(members.member_key) as members,
    sum(case when members.status = 'subscribed' then 1 else 0 end) as subscribed_members,
    {{ mailchimp.rate("sum(members.campaigns_opened)", "sum(members.campaigns_received)") }} as open_rate,
    {{ mailchimp.rate("sum(members.campaigns_clicked)", "sum(members.campaigns_received)") }} as click_rate
from {{ ref("stg_mailchimp__segments") }} as segments
left join {{ ref("stg_mailchimp__segment_members") }} as memberships on memberships.segment_id = segments.segment_id
left join {{ ref("mailchimp__members") }} as members on members.member_key = memberships.member_key
group by 1, 2, 3, 4, 5, 6
