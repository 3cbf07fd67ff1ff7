-- A mart has as many rows as the table it is made of: no join has lost or doubled any.
with counts as (
    select 'lists' as mart, (select count(*) from {{ source("mailchimp", "lists") }}) as there,
        (select count(*) from {{ ref("mailchimp__lists") }}) as here
    union all
    select 'members', (select count(*) from {{ source("mailchimp", "list_members") }}),
        (select count(*) from {{ ref("mailchimp__members") }})
    union all
    select 'campaigns', (select count(*) from {{ source("mailchimp", "campaigns") }}),
        (select count(*) from {{ ref("mailchimp__campaigns") }})
    union all
    select 'recipients', (select count(*) from {{ source("mailchimp", "sent_to") }}),
        (select count(*) from {{ ref("mailchimp__campaign_recipients") }})
    union all
    select 'activities', (select count(*) from {{ source("mailchimp", "email_activity") }}),
        (select count(*) from {{ ref("mailchimp__campaign_activities") }})
    union all
    select 'segments', (select count(*) from {{ source("mailchimp", "segments") }}),
        (select count(*) from {{ ref("mailchimp__segments") }})
)

select * from counts where there <> here
