-- Statuses of an audience add up to its contacts, and opens of the recipients to the opens among the activities.
select 'members' as what
from (
    select
        (select count(*) from {{ ref("mailchimp__members") }} where status <> 'transactional') as there,
        (
            select sum(
                subscribed_members + unsubscribed_members + cleaned_members + pending_members + archived_members
            ) from {{ ref("mailchimp__lists") }}
        ) as here
) as members
where there <> here

union all

select 'opens'
from (
    select
        (select count(*) from {{ ref("mailchimp__campaign_activities") }} where action = 'open') as there,
        (select sum(opens) from {{ ref("mailchimp__campaign_recipients") }}) as here
) as opens
where there <> here
